import type { Client } from 'cassandra-driver'

import { DDL, keyspaceOf } from './arena.ts'
import { inTurn, type Latency, latencyOf, loadWords, machineLoad, millis, table, times, whole } from './figures.ts'
import { tradesTableOf } from './own-table.ts'
import type { BenchReport } from './report.ts'
import { openCassandra, settleServers } from './servers.ts'
import { Slots } from './slots.ts'
import { createKeyspace, insertTrade, tradeValues } from './trades-table.ts'
import { noise, trade } from './trades.ts'
import type { Clock } from '../clock.ts'
import type { Settings } from '../config.ts'
import { type Store, noRows } from '../stream/store.ts'
import type { TradeBatch } from '../trade.ts'

const SYMBOLS = 50
const PER_BATCH = 30
const ROWS = 60_000
/** Rows in one call of `Store.write`, and calls under way: as many as a topic has partitions by default. */
const PER_WRITE = 500
const WRITERS = 12
const IN_FLIGHT = 32
const ROUNDS = 3
/** Latency: a batch of 30 so often is 1,000 rows/s. */
const PACED_EVERY_MS = 30
const PACED_BATCHES = 150
/** Between the last load and the measuring of latencies. */
const SETTLE_MS = 2_000

export interface StoreBench {
  settings: Settings
  clock: Clock
  signal: AbortSignal
  note: (text: string) => void
  /** The store of the pipeline in the keyspace of the settings. */
  open: (settings: Settings) => Promise<Store>
}

interface RowSubject {
  /** Writes all as fast as it can. */
  all(batches: readonly TradeBatch[]): Promise<void>
  /** Writes the rows of one symbol. */
  one(batch: TradeBatch): Promise<void>
}

interface Figures {
  rows_per_second: number
  /** Of 30 rows of one symbol, at 1,000 rows/s. */
  write_ms: Latency
}

/** Trades by `Store.write` beside the same rows by bare batches of the driver, in turns, into equal tables. */
export async function benchCassandra(bench: StoreBench): Promise<BenchReport> {
  const { clock, open } = bench
  const name = `bench-${clock.now().toString(36)}`
  const keyspaces = { stockpipe: keyspaceOf(`${name}-stockpipe`), driver: keyspaceOf(`${name}-driver`) }
  const settled = await settleServers(bench.settings)
  const settings: Settings = { ...settled, cassandraKeyspace: keyspaces.stockpipe }
  const client = await openCassandra(settings)
  try {
    await client.execute(
      createKeyspace(keyspaces.driver, settings.cassandraDatacenter ?? '', settings.cassandraReplication ?? 1),
      [],
      DDL,
    )
    await using store = await open(settings)
    await store.id()
    const createTrades = await tradesTableOf(client, settings)
    await client.execute(createTrades(keyspaces.driver), [], DDL)
    return report(await compare({ stockpipe: ofStore(store), driver: ofDriver(client, keyspaces.driver) }, bench))
  } finally {
    for (const keyspace of Object.values(keyspaces))
      await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`, [], DDL).catch(() => {})
    await client.shutdown()
  }
}

const ofStore = (store: Store): RowSubject => ({
  async all(batches) {
    const slots = new Slots(WRITERS)
    const perWrite = Math.floor(PER_WRITE / PER_BATCH)
    const writes = Array.from({ length: Math.ceil(batches.length / perWrite) }, (_, at) =>
      slots.run(() => store.write({ ...noRows(), trades: batches.slice(at * perWrite, (at + 1) * perWrite) })),
    )
    await Promise.all(writes)
  },
  one: (batch) => store.write({ ...noRows(), trades: [batch] }),
})

function ofDriver(client: Client, keyspace: string): RowSubject {
  const query = insertTrade(keyspace)
  const one = async (batch: TradeBatch) => {
    const rows = batch.entries.map((entry, index) => ({ query, params: tradeValues(entry, index, batch) }))
    await client.batch(rows, { logged: false })
  }
  return {
    one,
    async all(batches) {
      const slots = new Slots(IN_FLIGHT)
      await Promise.all(batches.map((batch) => slots.run(() => one(batch))))
    },
  }
}

async function compare<Name extends string>(
  subjects: Readonly<Record<Name, RowSubject>>,
  { clock, signal, note }: StoreBench,
): Promise<Record<Name, Figures>> {
  const names = Object.keys(subjects) as Name[]
  const rates = new Map<Name, number>()
  const latencies = new Map<Name, number[]>()
  let offset = 0
  const make = (count: number): TradeBatch[] => {
    const batches = tradeBatches(count, { offset, now: clock.now() })
    offset += count
    return batches
  }
  // The first round only warms the server up.
  for (let round = 0; round <= ROUNDS; round++)
    for (const name of inTurn(names, round)) {
      signal.throwIfAborted()
      note(`${name}: ${whole(ROWS)} rows`)
      const batches = make(ROWS / PER_BATCH)
      const startedAt = Bun.nanoseconds()
      await subjects[name].all(batches)
      const rate = ROWS / ((Bun.nanoseconds() - startedAt) / 1e9)
      if (round > 0) rates.set(name, Math.max(rates.get(name) ?? 0, rate))
    }
  for (let round = 0; round < ROUNDS; round++)
    for (const name of inTurn(names, round)) {
      note(`${name}: ${PACED_BATCHES} batches of ${PER_BATCH} rows, one every ${PACED_EVERY_MS} ms`)
      await clock.sleep(SETTLE_MS, signal)
      const paced = await pace(subjects[name], make(PACED_BATCHES), { clock, signal })
      latencies.set(name, [...(latencies.get(name) ?? []), ...paced])
    }
  const figures: Partial<Record<Name, Figures>> = {}
  for (const name of names)
    figures[name] = { rows_per_second: rates.get(name) ?? Number.NaN, write_ms: latencyOf(latencies.get(name) ?? []) }
  return figures as Record<Name, Figures>
}

/** One batch every 30 ms, whether or not the one before is done. */
async function pace(
  subject: RowSubject,
  batches: readonly TradeBatch[],
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<number[]> {
  const startedAt = Bun.nanoseconds()
  const writes: Promise<number>[] = []
  for (const [n, batch] of batches.entries()) {
    const due = n * PACED_EVERY_MS - (Bun.nanoseconds() - startedAt) / 1e6
    if (due > 0) await clock.sleep(due, signal)
    signal.throwIfAborted()
    const from = Bun.nanoseconds()
    writes.push(subject.one(batch).then(() => (Bun.nanoseconds() - from) / 1e6))
  }
  return Promise.all(writes)
}

/** Batches of 30 trades of one symbol each, symbols in turn, none like another. */
function tradeBatches(count: number, { offset, now }: { offset: number; now: number }): TradeBatch[] {
  const random = noise()
  return Array.from({ length: count }, (_, n) => {
    const symbol = `BENCH:COIN${n % SYMBOLS}`
    return {
      symbol,
      partition: n % WRITERS,
      offset: offset + n,
      received: now,
      ingested: now,
      entries: Array.from({ length: PER_BATCH }, (_, index) => trade(symbol, now - PER_BATCH + index, random)),
      skip: null,
      future: null,
    }
  })
}

function report(figures: Readonly<Record<'stockpipe' | 'driver', Figures>>): BenchReport {
  const machine = machineLoad()
  const rows = [['', 'rows/s', 'write p50 ms', 'p90', 'p99']]
  for (const [name, { rows_per_second: rate, write_ms: ms }] of Object.entries(figures))
    rows.push([name, whole(rate), ...[ms.p50, ms.p90, ms.p99].map(millis)])
  const { stockpipe: ours, driver } = figures
  rows.push([
    'stockpipe : driver',
    times(ours.rows_per_second / driver.rows_per_second),
    times(ours.write_ms.p50 / driver.write_ms.p50),
    times(ours.write_ms.p90 / driver.write_ms.p90),
    times(ours.write_ms.p99 / driver.write_ms.p99),
  ])
  return {
    text: [
      `trades of ${SYMBOLS} symbols; stockpipe: Store.write of up to ${PER_WRITE} rows, ${WRITERS} under way;`,
      `driver: unlogged batches of ${PER_BATCH} rows, ${IN_FLIGHT} under way; latency: ${PER_BATCH} rows of one symbol every ${PACED_EVERY_MS} ms`,
      `after: ${loadWords(machine)}`,
      '',
      table(rows),
    ].join('\n'),
    json: { machine, ...figures },
  }
}
