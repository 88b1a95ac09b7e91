import { structured } from './structured.ts'
import { moment } from '../config/moment.ts'
import type { Problem } from '../config/problems.ts'
import { symbols } from '../config/symbols.ts'
import { truth } from '../config/value.ts'
import { configuredCommand, formatOf, local, type LocalValues, OUTPUT, type Wish } from './command.ts'

const LOCAL = {
  ...OUTPUT,
  from: local(moment, null, 'Revise windows and candles that lie wholly behind this time'),
  to: local(moment, null, 'Revise windows and candles that lie wholly before this time'),
  symbol: local(symbols, null, 'Only these symbols'),
  'include-late': local(truth, false, 'Count late trades in all of their windows'),
  'ignore-marks': local(truth, false, 'Take marked repeats for trades'),
  'dry-run': local(truth, false, 'Say what would be revised, and write nothing'),
  yes: local(truth, false, 'Do not ask', 'y'),
}
type Values = LocalValues<typeof LOCAL>

export const reprocessCommand = configuredCommand({
  name: 'reprocess',
  describe: 'Fold a range of the log again and revise stored windows and candles',
  examples: [
    [
      'stockpipe reprocess --from 2026-03-02 --to 2026-03-03',
      'restores what is missing or wrong, changes nothing else',
    ],
    ['stockpipe reprocess --from 2026-03-02 --to 2026-03-03 --include-late', 'late trades count where they belong'],
  ],
  local: LOCAL,
  obstacles,
  async run({ settings, values, print }) {
    const { runReprocess, reprocessedWords } = await import('./reprocess/run-reprocess.ts')
    const { from, to, symbol, 'dry-run': isDryRun, yes: isYes } = values
    const range = { from: from ?? 0, to: to ?? 0, symbols: symbol, isDryRun, isYes }
    const rule = { includeLate: values['include-late'], ignoreMarks: values['ignore-marks'] }
    const done = await runReprocess(settings, { ...range, ...rule })
    if (done === null) return 1
    const format = formatOf(values)
    if (format === 'text') await print(reprocessedWords(done))
    else await print(structured(format, done))
    return 0
  },
})

function obstacles({ values }: Wish<Values>): Problem[] {
  const { from, to } = values
  if (from === null || to === null) return [{ what: 'reprocess needs --from and --to' }]
  return from >= to ? [{ what: '--from is not before --to' }] : []
}
