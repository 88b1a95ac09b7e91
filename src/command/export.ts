import { moment } from '../config/moment.ts'
import type { Problem } from '../config/problems.ts'
import { symbols } from '../config/symbols.ts'
import { choice, choices, path } from '../config/value.ts'
import { INTERVALS } from '../trade.ts'
import { configuredCommand, local, type LocalValues, type Wish } from './command.ts'

const LOCAL = {
  symbol: local(symbols, null, 'Only these symbols'),
  from: local(moment, null, 'From this time on (trade time, candle open, window end; gaps that end after it)'),
  to: local(moment, null, 'Before this time'),
  interval: local(choices(INTERVALS), null, 'Only these candles'),
  format: local(
    choice(['ndjson', 'csv', 'parquet']),
    null,
    'How to write; without it by the name: csv for --out NAME.csv, parquet for NAME.parquet, else ndjson. Times are UTC ms, in Parquet typed as timestamps',
  ),
  out: local(path, null, 'File to write; without it: stdout'),
}
type Values = LocalValues<typeof LOCAL>

const TABLES = ['trades', 'candles', 'windows', 'gaps'] as const

export const exportCommand = configuredCommand({
  name: 'export',
  describe: 'Write trades, candles, windows or gaps as NDJSON, CSV or Parquet',
  examples: [
    ['stockpipe export candles --symbol AAPL --interval 1m --out aapl.csv', 'one symbol, for a spreadsheet'],
    ['stockpipe export trades --from 2026-03-02 --to 2026-03-03 | jq .price', 'one day'],
    ['stockpipe export trades --out trades.parquet', 'all of them, for DuckDB, pandas or a BI tool'],
  ],
  positional: { name: 'table', describe: 'What to write', choices: TABLES, isRequired: true },
  local: LOCAL,
  obstacles,
  async run({ settings, values, positional, print }) {
    const table = TABLES.find((name) => name === positional) ?? 'trades'
    const [{ exportRows }, { openStore }, { openOutput }, { interrupted }] = await Promise.all([
      import('../export.ts'),
      import('./export/open-store.ts'),
      import('./export/output.ts'),
      import('./interrupt.ts'),
    ])
    await using store = await openStore(settings)
    using stop = interrupted()
    await using output = await openOutput(values.out, print)
    await exportRows({
      store,
      table,
      query: queryOf(values),
      format: formatOf(values),
      write: output.write,
      signal: stop.signal,
    })
    if (stop.signal.aborted) return 1
    await output.finish()
    return 0
  },
})

function obstacles({ values, positional }: Wish<Values>): Problem[] {
  const { from, to, interval, out } = values
  const problems: Problem[] = []
  if (from !== null && to !== null && from >= to) problems.push({ what: '--from is not before --to' })
  if (interval !== null && positional !== 'candles')
    problems.push({ what: `--interval means nothing for ${positional ?? ''}`, why: 'only candles have intervals' })
  if (formatOf(values) === 'parquet' && (out === null || out === '-') && process.stdout.isTTY)
    problems.push({ what: 'Parquet is not for a terminal', why: 'add --out NAME.parquet, or send it on with | or >' })
  return problems
}

const formatOf = ({ format, out }: Values): 'ndjson' | 'csv' | 'parquet' =>
  format ?? (['csv', 'parquet'] as const).find((name) => out?.endsWith(`.${name}`)) ?? 'ndjson'

const queryOf = ({ symbol, from, to, interval }: Values) => ({
  ...(symbol === null ? {} : { symbols: symbol }),
  ...(from === null ? {} : { from }),
  ...(to === null ? {} : { to }),
  ...(interval === null ? {} : { intervals: interval }),
})
