import { Database } from 'bun:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type BenchReport, perSecond } from './report.ts'
import { recording } from './trades.ts'
import { systemClock } from '../clock.ts'
import { openReplayFeed } from '../ingest/feed/replay.ts'
import { runProducer } from '../ingest/ingest.ts'
import { PipelineStats } from '../stats.ts'
import { openEmbeddedBroker } from '../stream/broker/embedded.ts'
import { localLive } from '../stream/live.ts'
import { Observer } from '../stream/observer.ts'
import { Outlet } from '../stream/outlet.ts'
import { openThreadedStore } from '../stream/store/threaded.ts'
import { runProcessor } from '../stream/stream.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

const FRAMES = 40_000
const PER_FRAME = 10
const SYMBOLS = 50
const RAW_BATCH = 1_000
/** Each with the order in which its rows came. */
const TABLES = {
  trades: 'ingested_ts, log_partition, log_offset, log_index',
  running_averages_15_sec: 'written_ts, symbol',
  candles: 'written_ts, symbol',
}

/**
 * A recording from file to final rows through the whole embedded pipeline (parse, mark, encode, log, decode, fold,
 * store), beside bare `bun:sqlite` inserting the very rows that came out, in the order they came, 1,000 a transaction, into the same tables.
 */
export async function benchStore(): Promise<BenchReport> {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-bench-'))
  try {
    const trades = FRAMES * PER_FRAME
    const file = join(folder, 'recording.ndjson')
    await Bun.write(file, recording({ frames: FRAMES, perFrame: PER_FRAME, symbols: SYMBOLS }))
    const replayed = trades / (await seconds(() => replay(file, folder)))
    const { insert, rows } = rawInserter(folder)
    const raw = trades / (await seconds(async () => insert()))
    return {
      text: [
        `${SYMBOLS} symbols, ${PER_FRAME} trades a frame, ${trades.toLocaleString('en')} trades, ${rows.toLocaleString('en')} rows`,
        `replay to final rows  ${perSecond(replayed)}`,
        `bare bun:sqlite       ${perSecond(raw)}  (the same rows)`,
        `share                 ${(replayed / raw).toFixed(2)}`,
      ].join('\n'),
      json: { replay_trades_per_second: replayed, raw_trades_per_second: raw, share: replayed / raw, rows },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = Bun.nanoseconds()
  await work()
  return (Bun.nanoseconds() - start) / 1e9
}

async function replay(file: string, folder: string): Promise<void> {
  const clock = systemClock
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  await using broker = await openEmbeddedBroker({ path: join(folder, 'log.db'), clock, log: silentLog })
  await using store = await openThreadedStore({
    path: join(folder, 'store.db'),
    clock,
    log: silentLog,
    retention: { tradesMs: null, candlesMs: null },
  })
  const drained = new AbortController()
  const windows = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }
  const topic = { broker, topic: 'market', partitions: 12, retention: { ms: null, bytes: null } }
  const options = {
    ...topic,
    store,
    live: localLive(),
    context,
    group: 'bench',
    framing: 'raw' as const,
    windows,
    idle: 20_000,
    flush: 100,
    maxBadPercent: 10,
    stallLimit: null,
    drained: drained.signal,
  }
  const feed = await openReplayFeed(
    { file, speed: Number.POSITIVE_INFINITY, rebase: false, again: false, stateDir: folder },
    context,
  )
  const never = new AbortController().signal
  const processor = runProcessor(options, new Outlet(options, new Observer(context, new PipelineStats(clock))), never)
  await runProducer(feed, { ...options, repeats: 'auto' }, never)
  drained.abort()
  await processor
}

/** Copies the stored rows into memory; `insert` writes them into empty tables of the same shape. */
function rawInserter(folder: string): { insert: () => void; rows: number } {
  const source = new Database(join(folder, 'store.db'), { readonly: true })
  const target = new Database(join(folder, 'raw.db'), { create: true })
  target.run('PRAGMA journal_mode = WAL')
  target.run('PRAGMA synchronous = FULL')
  const copies = Object.entries(TABLES).map(([table, order]) => {
    const { sql } = source
      .query<{ sql: string }, [string]>('SELECT sql FROM sqlite_schema WHERE name = ?')
      .get(table) ?? { sql: '' }
    target.run(sql)
    const columns = source
      .query<{ name: string }, []>(`PRAGMA table_info(${table})`)
      .all()
      .map(({ name }) => name)
    const values = source.query(`SELECT ${columns.join(', ')} FROM ${table} ORDER BY ${order}`).values()
    const statement = target.query(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    )
    return { values, statement }
  })
  source.close()
  const insert = () => {
    for (const { values, statement } of copies)
      for (let from = 0; from < values.length; from += RAW_BATCH)
        target.transaction(() => {
          for (const row of values.slice(from, from + RAW_BATCH)) statement.run(...(row as never[]))
        })()
    target.close()
  }
  return { insert, rows: copies.reduce((sum, { values }) => sum + values.length, 0) }
}
