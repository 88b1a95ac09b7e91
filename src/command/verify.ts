import { address } from '../config/address.ts'
import { duration } from '../config/measure.ts'
import { moment } from '../config/moment.ts'
import type { Problem } from '../config/problems.ts'
import { symbols } from '../config/symbols.ts'
import { choice, integer, truth } from '../config/value.ts'
import { configuredCommand, local, type LocalValues, type Wish } from './command.ts'

const LOCAL = {
  symbol: local(symbols, null, 'Compare only these symbols'),
  from: local(moment, null, 'Compare from this time on (trade time, candle open, window end)'),
  to: local(moment, null, 'Compare before this time'),
  api: local(address('http', 'https'), null, 'Compare what the API at this address serves, too'),
  wait: local(duration({ min: 0, max: 3_600_000 }), 30_000, 'How long rows of a running pipeline may be waited for'),
  limit: local(integer({ min: 0, max: 1_000_000 }), 20, 'Differences of each kind to print'),
  output: local(choice(['text', 'json']), 'text', 'How to print', 'o'),
  json: local(truth, false, 'The same as -o json'),
}
type Values = LocalValues<typeof LOCAL>

export const verifyCommand = configuredCommand({
  name: 'verify',
  describe: 'Recompute trades, windows and candles from the log and compare them with what is stored',
  examples: [
    ['stockpipe verify', 'everything in ./stockpipe-data, also while it runs; exit 1 when something differs'],
    ['stockpipe verify --symbol AAPL --from 2026-03-02 --api http://127.0.0.1:8080', 'what is served, too'],
  ],
  local: LOCAL,
  obstacles,
  async run({ settings, values, print }) {
    const [{ runVerify }, { reportWords }] = await Promise.all([
      import('./verify/run-verify.ts'),
      import('../verify/report.ts'),
    ])
    const report = await runVerify(settings, values)
    if (report === null) return 1
    await print(values.json || values.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : reportWords(report))
    return Object.values(report.kinds).some(({ differences }) => differences > 0) ? 1 : 0
  },
})

function obstacles({ values }: Wish<Values>): Problem[] {
  const { from, to } = values
  return from !== null && to !== null && from >= to ? [{ what: '--from is not before --to' }] : []
}
