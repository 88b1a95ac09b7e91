import type { Batch, Bounds } from './broker.ts'
import { LateShare } from './late-share.ts'
import type { FoldResult, Partition } from './partition.ts'
import type { RowSink } from './symbol-windows.ts'
import type { Context } from '../telemetry.ts'
import type { Hop } from '../latency.ts'
import type { PipelineStats } from '../stats.ts'
import type { TradeBatch } from '../trade.ts'

const QUARANTINE_ALARM = 0.01
/** The component on /readyz. */
const CLOCK = 'clock'
/** Receipts older than this when they were appended come from a recording: no latency of ours. */
const RECORDED_MS = 60_000
/** Trades older than this when they are received are history, or their venue is delayed: no latency of the way. */
const HISTORY_MS = 60_000

/** A partition, and the first offset of it that is not processed. */
export type Place = Pick<Partition, 'number' | 'position'>

interface Waiting {
  /** The offset after the log's last record, as far as is known here. */
  end: number
  /** When the oldest record was appended (unix ms) that is folded and not stored, and the oldest that is not read. */
  underWay?: number | undefined
  unread: number | undefined
}

/** Turns what the processor does into numbers, once per batch. */
export class Observer {
  readonly #context: Context
  readonly #stats: PipelineStats
  readonly #isReplay: () => boolean
  readonly #lateShare: LateShare
  readonly #waiting = new Map<Place, Waiting>()
  readonly #seen = new WeakMap<Partition, Partition['engine']['counts']>()

  /** `isReplay`: receipts are those of a recording. */
  constructor(context: Context, stats: PipelineStats, isReplay = () => false) {
    this.#context = context
    this.#stats = stats
    this.#isReplay = isReplay
    this.#lateShare = new LateShare(context)
  }

  folded(partition: Partition, batch: Batch, { bad, duplicates, misplaced }: FoldResult): void {
    const { metrics, clock, log } = this.#context
    if (misplaced !== null)
      log.warn('processor.misplaced', {
        partition: partition.number,
        symbol: misplaced,
        why: 'another producer does not use the symbol as key: its trades are in several partitions, and none of them sees all',
        try: 'let that producer write one record per symbol with the symbol as key, or use a topic with one partition',
      })
    const lag = this.#behind(partition, batch.end)
    this.#waits(partition, {
      end: batch.end,
      // While a partition recovers, nothing of what it reads goes to the store.
      underWay: partition.isLive ? batch.records[0]?.timestamp : undefined,
      unread: lag === 0 ? undefined : batch.records.at(-1)?.timestamp,
    })
    metrics.watermarkLag.set(String(partition.number), () => {
      const { watermark } = partition.engine
      return Number.isFinite(watermark) ? (clock.now() - watermark) / 1000 : null
    })
    if (batch.records.length === 0) return
    metrics.lastProgress.set(clock.now() / 1000)
    if (duplicates > 0) metrics.duplicates.inc(duplicates)
    for (const { reason } of bad) metrics.deadLetters.inc({ reason })
    this.#count(partition)
    this.#checkClock(partition)
    this.#lateShare.look(partition)
  }

  /** The store has the trades of what was folded last. */
  acknowledged(partition: Partition): void {
    const waiting = this.#waiting.get(partition)
    if (waiting !== undefined) delete waiting.underWay
  }

  /** What the log holds: who waits for the store reads nothing, and learns of nothing new. */
  logHolds(bounds: readonly Bounds[]): void {
    for (const [partition, waiting] of this.#waiting) {
      const end = bounds[partition.number]?.end ?? 0
      if (end <= waiting.end) continue
      waiting.end = end
      this.#behind(partition, end)
    }
  }

  /** Nobody goes on with it, until it leaves. `unread`: when the record at its position was appended (unix ms). */
  standsStill(place: Place, { end, unread }: Pick<Waiting, 'end' | 'unread'>): void {
    this.#behind(place, end)
    this.#waits(place, { end, unread })
  }

  /** How many records it has not processed, which is told. */
  #behind({ number, position }: Place, end: number): number {
    const lag = Math.max(0, end - position)
    this.#context.metrics.lagRecords.set({ partition: String(number) }, lag)
    this.#stats.lag(number, lag)
    return lag
  }

  #waits(place: Place, waiting: Waiting): void {
    const { metrics, clock } = this.#context
    this.#waiting.set(place, waiting)
    metrics.lagSeconds.set(String(place.number), () => {
      const since = waiting.underWay ?? waiting.unread
      return since === undefined ? 0 : Math.max(0, clock.now() - since) / 1000
    })
  }

  /** The partition is somebody else's, or begins again from its last commit: nothing more is known of it. */
  left(place: Place): void {
    const { metrics, health } = this.#context
    const label = String(place.number)
    this.#waiting.delete(place)
    health.ready(CLOCK, place)
    // Who was slow to notice leaves when the partition has come back: what is told of it is the other's.
    if ([...this.#waiting.keys()].some(({ number }) => number === place.number)) return
    metrics.lagRecords.remove({ partition: label })
    this.#lateShare.left(place.number)
    for (const values of [metrics.lagSeconds, metrics.watermarkLag]) values.delete(label)
    this.#stats.lag(place.number, 0)
  }

  written(rows: RowSink): void {
    const { metrics, clock } = this.#context
    const now = clock.now()
    let trades = 0
    for (const batch of rows.trades) trades += batch.entries.length - (batch.skip?.size ?? 0)
    // The oldest and the newest of a write bound all others: enough to see a delay, and no work per record.
    const ends = rows.trades.length > 1 ? [rows.trades[0], rows.trades.at(-1)] : rows.trades
    for (const batch of ends) if (batch !== undefined) this.#timed(batch, now)
    metrics.trades.inc({ stage: 'stored' }, trades)
    this.#stats.stored(trades)
  }

  #timed(batch: TradeBatch, now: number): void {
    const { partition, received, ingested } = batch
    this.#hop('broker_store', now - ingested, partition)
    if (received !== null && !this.#isReplay()) this.#arrived(batch, received)
    const since = received ?? ingested
    if (ingested - since > RECORDED_MS) return
    this.#context.metrics.endToEnd.observe(Math.max(0, now - since) / 1000)
    this.#stats.latency.add('receive_store', now - since, partition)
  }

  #arrived({ partition, ingested, entries }: TradeBatch, received: number): void {
    this.#hop('receive_broker', ingested - received, partition)
    const age = received - (entries.at(-1)?.t ?? received)
    if (age > HISTORY_MS) this.#stats.latency.add('history', age, partition)
    else this.#hop('exchange_receive', age, partition)
  }

  #hop(hop: Hop, ms: number, partition: number): void {
    this.#context.metrics.hop.observe({ hop }, Math.max(0, ms) / 1000)
    this.#stats.latency.add(hop, ms, partition)
  }

  #count(partition: Partition): void {
    const { metrics } = this.#context
    const counts = partition.engine.counts
    const before = this.#seen.get(partition) ?? {
      trades: 0,
      updates: 0,
      repeats: 0,
      quarantined: 0,
      late: 0,
      rebuilt: 0,
    }
    metrics.trades.inc({ stage: 'folded' }, counts.trades - before.trades)
    metrics.lateTrades.inc({ scope: 'any' }, counts.late - before.late)
    metrics.quarantined.inc({ reason: 'future' }, counts.quarantined - before.quarantined)
    metrics.replayed.inc(counts.rebuilt - before.rebuilt)
    this.#seen.set(partition, { ...counts })
  }

  #checkClock(partition: Partition): void {
    const { health, log } = this.#context
    const { share, aheadMs } = partition.engine.quarantine
    const before = health.reason(CLOCK)
    if (share > QUARANTINE_ALARM)
      health.notReady(
        CLOCK,
        `clock off by ${Math.round(aheadMs / 1000)} s: trades come from the future; set this machine's clock`,
        partition,
      )
    else health.ready(CLOCK, partition)
    const reason = health.reason(CLOCK)
    if (before === null && reason !== null)
      log.warn('clock.off', { why: reason, note: 'these trades are kept, flagged, and in no window' })
    if (before !== null && reason === null) log.info('clock.fine')
  }
}
