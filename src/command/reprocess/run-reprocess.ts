import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { reprocess, type Reprocessed } from '../../verify/reprocess.ts'
import { buildInfo } from '../../version.ts'
import { confirmed } from '../confirm.ts'
import { openLog } from '../export/open-log.ts'
import { openStore, openStoreToWrite } from '../export/open-store.ts'
import { interrupted } from '../interrupt.ts'
import { progressLine } from '../progress.ts'
import { checkMadeBy } from '../verify/made-by.ts'

export interface Wanted {
  from: number
  to: number
  symbols: readonly string[] | null
  includeLate: boolean
  ignoreMarks: boolean
  isDryRun: boolean
  isYes: boolean
}

/** Null: it was refused, or interrupted. */
export async function runReprocess(settings: Settings, wanted: Wanted): Promise<Reprocessed | null> {
  const { includeLate, ignoreMarks, isDryRun, isYes, ...range } = wanted
  checkMadeBy(settings)
  await using store = isDryRun ? await openStore(settings) : await openStoreToWrite(settings)
  await using broker = await openLog(settings)
  if (!isDryRun && !(await confirmed(question(wanted), isYes))) return null
  using stop = interrupted()
  using line = progressLine(systemClock)
  const { window, hop, delay, futureLimit } = settings
  const done = await reprocess({
    ...range,
    broker,
    store,
    topic: settings.kafkaTopic,
    committed: () => broker.commits(settings.kafkaTopic, settings.kafkaGroup),
    rule: { window, hop, delay, futureLimit, includeLate, ignoreMarks, version: buildInfo().version },
    isDryRun,
    clock: systemClock,
    signal: stop.signal,
    progress: line.show,
  })
  return stop.signal.aborted ? null : done
}

const time = (ms: number): string => new Date(ms).toISOString()

const question = ({ from, to, symbols }: Wanted): string =>
  `Revise what is stored of ${symbols?.join(', ') ?? 'all symbols'} from ${time(from)} to ${time(to)}?`

export function reprocessedWords({ id, records, windows, candles, repeats, unknown, isDone }: Reprocessed): string {
  const count = (value: number) => value.toLocaleString('en')
  const lines = [
    `${count(records)} records folded again`,
    `${count(windows)} windows, ${count(candles)} candles and ${count(repeats)} repeats ${isDone ? 'written' : 'to be written'}`,
  ]
  if (unknown > 0)
    lines.push(`${count(unknown)} rows for which the rule gives nothing stay as they are: rows are never removed`)
  if (id !== null) lines.push(`recorded as ${id}`)
  else lines.push(windows + candles + repeats === 0 ? 'everything is as it should be' : 'nothing was changed')
  return `${lines.join('\n')}\n`
}
