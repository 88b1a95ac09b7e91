import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { StockpipeError } from '../../errors.ts'
import { schemaIdFor } from '../../run/schema-id.ts'
import { createMetrics, Health, silentLog } from '../../telemetry.ts'
import type { OutputFormat } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { openLog, openLogToWrite } from '../export/open-log.ts'
import { interrupted } from '../interrupt.ts'
import { progressLine } from '../progress.ts'
import { letterFields, letterLine, letterWords } from './print.ts'
import { structured } from '../structured.ts'
import { type Outcome, planReplay, replayLetters } from './replay.ts'
import { selectLetters, type Selection } from './select.ts'

interface Values {
  id: readonly string[] | null
  from: number | null
  to: number | null
  limit: number
  'dry-run': boolean
  yes: boolean
}

export interface DlqCall {
  settings: Settings
  values: Values
  format: OutputFormat
  print: (text: string) => Promise<void>
}

const MOST = 10_000

const selectionOf = ({ id, from, to, limit }: Values, isWhole: boolean): Selection => ({
  ids: id,
  from: from ?? Number.NEGATIVE_INFINITY,
  to: to ?? Number.POSITIVE_INFINITY,
  limit: isWhole ? MOST : limit,
  isWhole,
})

/** `isWhole`: every letter that was asked for must be there, and all of it is shown. */
export async function listDlq({
  settings,
  values,
  format,
  print,
  isWhole,
}: DlqCall & { isWhole: boolean }): Promise<number> {
  await using broker = await openLog(settings)
  using stop = interrupted()
  const where = { broker, topic: settings.kafkaTopic, signal: stop.signal }
  const letters = await selectLetters(where, selectionOf(values, isWhole))
  if (stop.signal.aborted) return 1
  if (isWhole) checkAllThere(values, letters)
  if (format !== 'text') await print(structured(format, letters.map(letterFields)))
  else if (isWhole) await print(letters.map(letterWords).join('\n'))
  else await print(letters.length === 0 ? 'no dead letters\n' : letters.map(letterLine).join(''))
  return 0
}

function checkAllThere({ id }: Values, letters: readonly { id: string }[]): void {
  const missing = id?.filter((wanted) => !letters.some((letter) => letter.id === wanted)) ?? []
  if (missing.length > 0)
    throw new StockpipeError('not-found', `there is no letter ${missing.join(', ')}`, {
      why: 'it never was, its time is over, or a newer one is about the same record',
      hint: 'stockpipe dlq list',
    })
}

/** Resolves to 1 where something still cannot be read. */
export async function replayDlq({ settings, values, format, print }: DlqCall): Promise<number> {
  await using broker = values['dry-run'] ? await openLog(settings) : await openLogToWrite(settings)
  using stop = interrupted()
  using line = progressLine(systemClock)
  const { signal } = stop
  const context = { clock: systemClock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const options = {
    broker,
    topic: settings.kafkaTopic,
    framing: settings.avroFraming,
    schemaId: values['dry-run'] ? 1 : await schemaIdFor(settings, context, signal),
    signal,
    progress: line.show,
  }
  const letters = await selectLetters(options, selectionOf(values, true))
  checkAllThere(values, letters)
  const outcomes = await planReplay(letters, options)
  line.hide()
  if (signal.aborted) return 1
  const isDone = !values['dry-run'] && (await isWanted(outcomes, values.yes))
  if (isDone) await replayLetters(outcomes, options)
  await print(
    format === 'text'
      ? outcomesWords(outcomes, isDone)
      : structured(format, { isDone, letters: outcomes.map(outcomeFields) }),
  )
  return outcomes.some(({ recovered, what }) => what !== 'already' && recovered.problem !== null) ? 1 : 0
}

/** Nothing to be asked where there is nothing to do. */
async function isWanted(outcomes: readonly Outcome[], isYes: boolean): Promise<boolean> {
  const readable = outcomes.filter(({ what }) => what === 'readable').length
  const unreadable = outcomes.filter(({ what }) => what === 'unreadable').length
  if (readable + unreadable === 0) return false
  return confirmed(`Append ${readable} to the log, and ${unreadable} to the dead letters again?`, isYes)
}

const outcomeFields = ({ letter, what, recovered }: Outcome) => ({
  id: letter.id,
  what,
  trades: what === 'readable' ? recovered.entries.length : 0,
  problem: recovered.problem,
})

function outcomesWords(outcomes: readonly Outcome[], isDone: boolean): string {
  if (outcomes.length === 0) return 'no dead letters\n'
  const lines = outcomes.map((outcome) => `${outcome.letter.id.padEnd(10)}  ${wordsOf(outcome)}\n`)
  return `${lines.join('')}${isDone ? '' : 'nothing was changed\n'}`
}

function wordsOf({ what, recovered: { entries, problem } }: Outcome): string {
  if (what === 'already') return 'was replayed before'
  if (what === 'nothing') return 'everything in it is in the log already'
  const rest = problem === null ? '' : `still unreadable, to the dead letters again: ${problem}`
  if (what === 'unreadable') return rest
  return [`${entries.length} trade${entries.length === 1 ? '' : 's'} to the log`, rest].filter(Boolean).join('; ')
}
