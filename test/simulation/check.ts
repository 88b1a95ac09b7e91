import { columnsOf, Oracle, type OracleWindow } from './oracle.ts'
import { TOPIC } from './processor.ts'
import type { Epoch, Run } from './run.ts'
import type { StoredCandle, StoredWindow } from './tables.ts'
import { INTERVAL_MS } from '../../src/trade.ts'

/** More quiet time than the rules ask for: nobody is woken to the millisecond. */
const SLACK_MS = 15_000

/** Where the rows differ from what the log and the rules say, as sentences. */
export function differences(run: Run): string[] {
  const wrong: string[] = []
  const expected = run.epochs.map((epoch) => oraclesOf(run, epoch))
  const now = expected.at(-1) ?? []
  checkTrades(run, { expected, now, wrong })
  checkLate(run, { expected, now, wrong })
  checkWindows(run, { expected, now, wrong })
  checkLatest(run, now, wrong)
  checkGaps(run, { expected, now, wrong })
  checkTopics(run, now, wrong)
  return wrong
}

interface Checking {
  /** By epoch, then by partition. */
  expected: Oracle[][]
  now: Oracle[]
  wrong: string[]
}

/** What the rules make of the log as it was in this epoch. */
function oraclesOf(run: Run, { rules, records, cuts }: Epoch): Oracle[] {
  return Array.from({ length: run.partitions }, (_, partition) => {
    const oracle = new Oracle(rules, cuts.get(partition) ?? 0)
    oracle.feedAll(records?.[partition] ?? run.log.slot(TOPIC, partition).records)
    return oracle
  })
}

function checkTrades({ store }: Run, { expected, now, wrong }: Checking): void {
  for (const [partition, { trades }] of now.entries())
    for (const [id, trade] of trades) {
      const found = store.live.trades.get(`${partition}:${id}`)
      if (found === undefined) wrong.push(`trade ${partition}:${id} is missing`)
      else if (JSON.stringify(found) !== JSON.stringify(trade))
        wrong.push(`trade ${partition}:${id} is ${JSON.stringify(found)}, not ${JSON.stringify(trade)}`)
    }
  for (const key of store.live.trades.keys())
    if (!isKnown(key, expected, ({ trades }) => trades)) wrong.push(`trade ${key} is not in the log`)
}

function checkLate({ store }: Run, { expected, now, wrong }: Checking): void {
  for (const [partition, { late }] of now.entries())
    for (const [id, { missed, entry }] of late) {
      const found = store.live.late.get(`${partition}:${id}`)
      if (found === undefined) wrong.push(`late trade ${partition}:${id} is missing`)
      else if (found.missed !== missed || found.entry_interval !== entry)
        wrong.push(
          `late trade ${partition}:${id} missed ${found.missed} (${found.entry_interval}), not ${missed} (${entry})`,
        )
    }
  for (const key of store.live.late.keys())
    if (!isKnown(key, expected, ({ late }) => late)) wrong.push(`trade ${key} is not late`)
}

function isKnown(key: string, expected: Oracle[][], of: (oracle: Oracle) => ReadonlyMap<string, unknown>): boolean {
  const [partition, id] = [Number(key.slice(0, key.indexOf(':'))), key.slice(key.indexOf(':') + 1)]
  return expected.some((oracles) => oracles[partition] !== undefined && of(oracles[partition]).has(id))
}

function checkWindows(run: Run, { expected, now, wrong }: Checking): void {
  const { store, isLoose } = run
  for (const oracle of now)
    for (const [key, window] of oracle.windows) {
      if (window.start < oracle.from) continue
      const row = store.live.windows.get(key)
      if (row === undefined) wrong.push(`${key} is missing`)
      else if (!isLoose || row.n <= window.prints.length) wrong.push(...rowProblems(run, { key, window, row, oracle }))
    }
  const all = new Set(expected.flatMap((oracles) => oracles.flatMap(({ windows }) => [...windows.keys()])))
  for (const key of store.live.windows.keys()) if (!all.has(key)) wrong.push(`${key} is not in the log`)
}

interface Compared {
  key: string
  window: OracleWindow
  row: StoredWindow | StoredCandle
  oracle: Oracle
}

function rowProblems(run: Run, { key, window, row, oracle }: Compared): string[] {
  const stored = row as unknown as Record<string, number>
  const isNear = (column: string, value: number) =>
    Math.abs((stored[column] ?? Number.NaN) - value) <= 1e-9 * Math.abs(value)
  const problems = Object.entries(columnsOf(window))
    .filter(([column, value]) => !isNear(column, value))
    .map(([column, value]) => `${key}: ${column} is ${stored[column]}, not ${value}`)
  const closing = closingProblem(run, window, { closedBy: row.closed_by, watermark: oracle.watermark })
  if (closing !== null) problems.push(`${key}: closed by ${row.closed_by}, but ${closing}`)
  if (row.final !== (row.closed_by !== 'open')) problems.push(`${key}: final is ${row.final}`)
  return problems
}

function closingProblem(
  { world, rules, idle, isDraining, isLoose, quietSince }: Run,
  { end }: OracleWindow,
  { closedBy, watermark }: { closedBy: string; watermark: number },
): string | null {
  if (watermark >= end) return closedBy === 'watermark' ? null : `the watermark ${watermark} is past its end`
  if (closedBy === 'watermark') return isLoose ? null : `the watermark ${watermark} is before its end`
  if (closedBy === 'idle') return null
  if (isDraining) return 'the input has ended'
  const isSilent = world.now - Math.max(quietSince, end + rules.delay) > idle + SLACK_MS
  return isSilent ? 'all has been silent since' : null
}

function checkLatest({ store, epochs }: Run, now: Oracle[], wrong: string[]): void {
  for (const { latest } of now)
    for (const [symbol, { t, p }] of latest) {
      const row = store.live.latest.get(symbol)
      if (epochs.length > 1 && (row?.trade_ts ?? 0) > t) continue
      if (row?.trade_ts !== t || row.price !== p)
        wrong.push(`latest of ${symbol} is ${row?.price} at ${row?.trade_ts}, not ${p} at ${t}`)
    }
}

function checkGaps({ store }: Run, { expected, now, wrong }: Checking): void {
  for (const { gaps } of now)
    for (const [key, to] of gaps)
      if (store.live.gaps.get(key)?.to_ts !== to)
        wrong.push(`gap ${key} ends at ${store.live.gaps.get(key)?.to_ts}, not ${to}`)
  for (const key of store.live.gaps.keys())
    if (!expected.flat().some(({ gaps }) => gaps.has(key))) wrong.push(`gap ${key} is not in the log`)
}

function checkTopics(run: Run, now: Oracle[], wrong: string[]): void {
  if (run.epochs.some(({ records }) => records !== null)) return
  for (const [partition, { bad, late }] of now.entries()) {
    const dead = run.deadLetters(partition)
    for (const offset of bad)
      if (!dead.has(offset)) wrong.push(`broken record ${partition}:${offset} is no dead letter`)
    if (run.cuts.size === 0)
      for (const offset of dead) if (!bad.includes(offset)) wrong.push(`record ${partition}:${offset} is not broken`)
    const told = run.lateTold()
    for (const id of late.keys()) {
      const place = `${partition}:${id}`
      if (!told.has(place)) wrong.push(`late trade ${place} was not told`)
    }
  }
}

/** What the rules make of the log as it is now, by partition. */
export function current(run: Run): Oracle[] {
  const [epoch] = run.epochs.slice(-1)
  return epoch === undefined ? [] : oraclesOf(run, epoch)
}

/** Hopping windows, and candles of 1 s and 1 m. */
export const isShort = (kind: OracleWindow['kind']): boolean => kind === 'window' || INTERVAL_MS[kind] <= 60_000

/** The end of the last short window. */
export function lastEnd(run: Run): number {
  const ends = current(run).flatMap(({ windows }) =>
    [...windows.values()].filter(({ kind }) => isShort(kind)).map(({ end }) => end),
  )
  return ends.reduce((a, b) => Math.max(a, b), 0)
}
