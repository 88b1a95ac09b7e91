/** The five checks, by an independent comparison: market -> log -> the rules, written plainly -> what is stored. */
import { expect } from 'bun:test'
import type { types } from 'cassandra-driver'

import { type Deployment, metric, PARTITIONS } from './deployment.ts'
import { logOf, type Session, sessionsOf } from './log.ts'
import { LatePrints, Trades, Windows } from './stored.ts'
import { type GapRow, notInLog, unexplained } from './truth.ts'
import { toNumber } from './values.ts'
import { stockpipe } from '../binary.ts'
import { oracle } from '../oracle.ts'
import { type Running, until } from '../running.ts'

export interface Ending {
  producer: Running
  processors: readonly Running[]
  /** The feed was cut off or the producer away: what the market sent meanwhile nobody received, and is in the gap ledger. */
  isFeedCut?: boolean
  /** A producer that was killed sends its last records again. */
  mayCopy?: boolean
}

export interface Found {
  trades: number
  windows: number
  /** Records that are in the log a second time. */
  copies: number
  /** Trades that the market sent and the log has not. */
  missed: number
  /** Of the producers. */
  sessions: readonly Session[]
}

/** Most sentences that a failure prints. */
const SHOWN = 20
const SETTLED_WITHIN_MS = 180_000
/** What is on its way into the log when it seems to be read is there by then. */
const STAYS_DRY_MS = 500

/**
 * Ends the market, lets everything run dry, stops all politely, and expects that every trade the log acknowledged is
 * stored, that no other is, that its payload is equal, that fresh trades came through, and that nothing is there twice;
 * and that windows, candles and late trades are those that the rules give.
 */
export async function expectFiveChecks(deployment: Deployment, ending: Ending): Promise<Found> {
  await deployment.newest.fresh()
  expect(await deployment.simulator.stop()).toBe(0)
  expect(await ending.producer.stop()).toBe(0)
  await runDry(ending.processors)
  for (const processor of ending.processors) expect(await processor.stop()).toBe(0)
  const found = await compare(deployment)
  expect(found.wrong).toEqual([])
  expect(found.trades).toBeGreaterThan(0)
  if (!ending.isFeedCut) expect(found.missed).toBe(0)
  if (!ending.mayCopy) expect(found.copies).toBe(0)
  await expectVerified(deployment)
  return found
}

/** The program's own comparison comes to the same end. */
async function expectVerified({ market }: Deployment): Promise<void> {
  const { code, stdout, stderr } = await stockpipe([
    'verify',
    ...market.log,
    ...market.store,
    '--partitions',
    String(PARTITIONS),
  ])
  expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' })
}

/** Waits until the log has been read to its end, and stays so. */
async function runDry(processors: readonly Running[]): Promise<void> {
  const end = Date.now() + SETTLED_WITHIN_MS
  const lag = async () => {
    const lags = await Promise.all(processors.map((processor) => metric(processor, 'consumer_lag_records')))
    return lags.reduce((sum, lag) => sum + lag, 0)
  }
  let drySince: number | null = null
  await until(lag, (records) => {
    if (Date.now() > end) throw new Error(`${records} records are not processed after ${SETTLED_WITHIN_MS / 1_000} s`)
    drySince = records === 0 ? (drySince ?? Date.now()) : null
    return drySince !== null && Date.now() - drySince > STAYS_DRY_MS
  })
}

/** Where a stopped deployment differs from its log, as sentences. */
async function compare({ market, servers, client, truth }: Deployment): Promise<Found & { wrong: string[] }> {
  const log = await logOf(market.name, servers)
  const [trades, windows, late] = [new Trades(), new Windows(), new LatePrints()]
  for (const [partition, { records }] of log.entries()) {
    const result = oracle(records)
    trades.want(partition, records, result)
    windows.want(result)
    late.want(partition, result)
  }
  const read = async (table: string, see: (row: types.Row) => void) => {
    const rows = await client.execute(`SELECT * FROM "${market.name}".${table}`, [], {
      prepare: true,
      fetchSize: 5_000,
    })
    for await (const row of rows) see(row)
  }
  await read('trades', (row) => trades.see(row))
  await read('running_averages_15_sec', (row) => windows.see(row))
  await read('candles', (row) => windows.see(row))
  await read('late_trades', (row) => late.see(row))
  const { missed, unknown } = await notInLog(truth, log)
  const gaps: GapRow[] = []
  await read('gaps', (row) => gaps.push(gapOf(row)))
  const lost = unexplained(missed, gaps).map(({ name }) => `${name} was sent, and is neither in the log nor in a gap`)
  const parts = [trades.wrong(), windows.wrong(), late.wrong(), unknown, lost, log.flatMap(({ holes }) => holes)]
  const repeats = log.reduce((sum, { repeats }) => sum + repeats, 0)
  // The market of these tests delivers once.
  if (repeats > 0) parts.push([`${repeats} trades are marked as repeated deliveries`])
  const wrong = parts.flatMap((sentences) =>
    sentences.length > SHOWN
      ? [...sentences.slice(0, SHOWN), `and ${sentences.length - SHOWN} more of this kind`]
      : sentences,
  )
  const copies = log.reduce((sum, { copies }) => sum + copies, 0)
  return { wrong, trades: trades.size, windows: windows.size, copies, missed: missed.length, sessions: sessionsOf(log) }
}

const gapOf = (row: types.Row): GapRow => ({
  symbol: String(row['symbol']),
  from: toNumber(row['from_ts']),
  to: toNumber(row['to_ts']),
})
