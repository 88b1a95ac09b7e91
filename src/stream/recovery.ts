import type { Assignment, Bounds, Broker, LogRecord } from './broker.ts'
import { Partition, type Start } from './partition.ts'
import { retentionLoss, type RetentionLoss } from './retention-gap.ts'
import type { Store } from './store.ts'
import type { WindowSettings } from './symbol-windows.ts'
import { decodeTriple, fingerprintOf, identityOf, isSameRecord, type Triple } from './triple.ts'
import { StockpipeError } from '../errors.ts'
import type { Context } from '../telemetry.ts'

export interface RecoveryOptions {
  broker: Broker
  store: Store
  topic: string
  windows: WindowSettings
  context: Context
  /** Ends the reading, besides the loss of the partition. */
  stop?: AbortSignal
}

export interface Recovered {
  partition: Partition
  /** Where to read from. */
  offset: number
  fingerprint: string
  /** What is lost with the log's beginning, to be recorded once it is known where windows begin again. */
  lost: RetentionLoss | null
}

/**
 * Makes the state that the last owner of the partition had. From the committed triple (L, W, P): long candles come
 * back from the store's exact sums, short windows by reading L..P again in silence (the caller does that simply by
 * reading from `offset` on). Where the triple is missing, of other settings, of another log or another store, the log is read
 * from its beginning as a new incarnation.
 */
export async function recover(assignment: Assignment, options: RecoveryOptions): Promise<Recovered> {
  const { windows, store } = options
  const fingerprint = fingerprintOf(windows, await store.id())
  const allBounds = await options.broker.bounds(options.topic)
  const bounds = allBounds[assignment.partition]
  if (bounds === undefined) throw noPartition(options.topic, assignment.partition)
  const committed = await usable(assignment, bounds, { ...options, fingerprint })
  const start: Start = {
    partition: assignment.partition,
    incarnation: committed?.incarnation ?? options.context.clock.now(),
    truncated: committed === null && bounds.start > 0,
    committed,
    partitions: allBounds.length,
  }
  const partition = new Partition(windows, start)
  if (committed !== null && committed.watermark !== null) {
    const { watermark, processed, incarnation } = committed
    const restored = await store.restore({ partition: assignment.partition, incarnation, watermark, processed })
    partition.engine.restore(watermark, restored)
  }
  if (committed !== null) return { partition, offset: committed.low, fingerprint, lost: null }
  partition.position = bounds.start
  const before = decoded(assignment, fingerprint)
  const place = { partition: assignment.partition, partitions: allBounds.length }
  const lost = start.truncated
    ? await retentionLoss(store, { ...place, watermark: before?.watermark ?? null, delay: windows.delay })
    : null
  return { partition, offset: bounds.start, fingerprint, lost }
}

const decoded = ({ committed }: Assignment, fingerprint: string): Triple | null =>
  committed === null ? null : decodeTriple(committed.offset, committed.metadata, fingerprint)

/** A topic that is away for a moment is not an empty one: its state would be given up for nothing. */
const noPartition = (topic: string, partition: number): StockpipeError =>
  new StockpipeError('topic-missing', `there is no partition ${partition} of ${topic}`, {
    why: 'the topic was deleted, or made anew with fewer partitions',
    hint: 'create it again with its number of partitions, or restart stockpipe, which makes missing topics at its start',
    mendable: true,
  })

async function usable(
  assignment: Assignment,
  bounds: Bounds,
  options: RecoveryOptions & { fingerprint: string },
): Promise<Triple | null> {
  const { log } = options.context
  const { partition, committed } = assignment
  if (committed === null) return null
  const triple = decoded(assignment, options.fingerprint)
  const startOver = (reason: string): null => {
    log.warn('processor.start_over', { partition, reason, from: bounds.start })
    return null
  }
  if (triple === null)
    return startOver('the committed state is unreadable, of other window settings, or of another store')
  if (triple.processed >= bounds.end) return startOver('the log is shorter than what was processed: it is a new log')
  if (triple.low < bounds.start) return startOver('retention removed records that open windows need')
  if (triple.processed < bounds.start) return triple
  const record = await recordAt(triple.processed, assignment, options)
  if (record === null) return startOver('retention removed the last processed record')
  if (!isSameRecord(identityOf(record.timestamp, record.headers), triple.identity))
    return startOver('the log holds another record where the last processed one was: it is a new log')
  return triple
}

async function recordAt(offset: number, assignment: Assignment, options: RecoveryOptions): Promise<LogRecord | null> {
  const { broker, topic, stop } = options
  const signal = stop === undefined ? assignment.signal : AbortSignal.any([assignment.signal, stop])
  for await (const batch of broker.read(topic, assignment.partition, offset, signal))
    return batch.records.find((record) => record.offset === offset) ?? null
  if (signal.aborted) throw new StockpipeError('not-owner', 'it was over before the state was restored')
  return null
}
