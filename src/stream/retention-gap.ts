import type { Batch, Broker } from './broker.ts'
import { partitionOf } from './broker/partitioner.ts'
import type { GapMark } from './codec.ts'
import type { Partition } from './partition.ts'
import { retry } from './retry.ts'
import type { Store } from './store.ts'
import { StockpipeError } from '../errors.ts'
import type { Context } from '../telemetry.ts'

/** Symbols whose windows between `from` (ms) and the first that is written again are lost with the log's beginning. */
export interface RetentionLoss {
  symbols: readonly string[]
  from: number
}

export interface LossOptions {
  partition: number
  partitions: number
  /** Of the last commit that could be read; null: there is none. */
  watermark: number | null
  /** How far the watermark trails the newest event time, ms. */
  delay: number
}

/**
 * What retention took from a partition, to be asked before anything new is written. Windows up to the committed
 * watermark are in the store; without a commit its newest price of the partition tells how far it got. Null: the
 * store knows nothing of this partition.
 */
export async function retentionLoss(store: Store, options: LossOptions): Promise<RetentionLoss | null> {
  const { partition, partitions, watermark, delay } = options
  const symbols = (await store.symbols()).filter((symbol) => partitionOf(symbol, partitions) === partition)
  if (symbols.length === 0) return null
  if (watermark !== null) return { symbols, from: watermark }
  let newest = Number.NEGATIVE_INFINITY
  for await (const rows of store.read('latest', { symbols }))
    for (const { trade_ts } of rows) newest = Math.max(newest, trade_ts)
  return Number.isFinite(newest) ? { symbols, from: newest - delay } : null
}

/** The gaps up to `to`, where windows are written again; none where the store got further than that before. */
export const retentionGaps = ({ symbols, from }: RetentionLoss, to: number): GapMark[] =>
  from < to
    ? symbols.map((symbol) => ({ symbol, from, to, cause: 'retention', detail: 'the log no longer held these trades' }))
    : []

export interface LogOptions {
  broker: Broker
  topic: string
  context: Context
  signal: AbortSignal
}

/**
 * Throws `log-changed` where records that the partition has not read are gone: it was behind by more than the log
 * keeps. Offsets may also be missing for other reasons, so the log's beginning is looked at.
 */
export async function checkNothingLost(
  batch: Batch,
  partition: Partition,
  { broker, topic, context, signal }: LogOptions,
): Promise<void> {
  const next = batch.records[0]?.offset ?? batch.end
  if (next <= partition.position) return
  const bounds = await retry('log', () => broker.bounds(topic), { context, signal })
  const start = bounds[partition.number]?.start ?? 0
  if (start <= partition.position) return
  throw new StockpipeError('log-changed', `retention removed records of ${topic} that were not processed yet`, {
    why: `the next one would have been ${partition.position}, the log begins at ${start}`,
    hint: 'keep the log for longer than the processor may be behind: --retention-log, --retention-log-size',
  })
}
