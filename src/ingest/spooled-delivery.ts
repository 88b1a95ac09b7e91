import { type Delivery, type DeliveryOptions, duplicatesIn, prepareLog } from './delivery.ts'
import { Backlog } from './backlog.ts'
import { type GapRecords, receipts } from './in-time.ts'
import { lastDelivery } from './last-delivery.ts'
import type { Spool } from './spool.ts'
import type { NewRecord } from '../stream/broker.ts'
import { isPrepared, retry } from '../stream/retry.ts'
import { Trouble } from '../stream/trouble.ts'
import { StockpipeError, wrap } from '../errors.ts'

export interface SpooledDeliveryOptions extends DeliveryOptions {
  spool: Spool
  gapRecords: GapRecords
  /** The former process saw frames up to then, as far as is known. */
  onRestart: (from: number) => void
  /** Frames received after `from` are gone. */
  onLoss: (from: number, detail: string) => void
}

/** How long a start waits for the log before frames go to the disk. */
const START_MS = 3_000
/** Records of one append: what was under way when the log fell away is the first in the spool, and must fit. */
const CHUNK_RECORDS = 5_000
/** Between two tries to get something onto a full disk. */
const ROOM_MS = 500
/** How long a stop waits for what is under way. */
const LAST_MS = 1_000

/** What was on its way when the log fell away. It is so still: the very array must be appended again. */
interface Head {
  topic: string
  records: readonly NewRecord[]
  /** How many of them are on disk too. */
  stored: number
  isSent: boolean
}

/**
 * Into the log, or, as long as that takes nothing, onto the disk and from there into the log. What comes meanwhile goes
 * behind what waits, never past it: readers would take the rest for late, and for copies. With the log in order it costs
 * nothing but the call.
 */
export class SpooledDelivery implements Delivery {
  readonly #options: SpooledDeliveryOptions
  readonly #opened = Promise.withResolvers<void>()
  readonly #trouble: Trouble
  readonly #backlog: Backlog
  readonly #closed = new AbortController()
  #isDirect = false
  /** The last of what waits is under way: for that moment nothing is put behind it, or it would never end. */
  #isLast = false
  #head: Head | null = null
  #changed = Promise.withResolvers<void>()
  #draining: Promise<void> = Promise.resolve()
  #failure: unknown = null
  #beganAt: number | null = null
  /** Up to when, by their receipt, frames are known to be in the log. */
  #sentUpTo: number | null = null

  constructor(options: SpooledDeliveryOptions) {
    this.#options = options
    this.#trouble = new Trouble('spool', options.context)
    this.#backlog = new Backlog({ ...options, onDamage: () => this.#lost('the spool was damaged') })
  }

  /** Waits for the log for a moment; without it, and behind what waits already, frames go to the disk. */
  async open(signal: AbortSignal): Promise<void> {
    const { context, onRestart } = this.#options
    const newest = this.#backlog.frame('newest')
    if (newest !== null) onRestart(newest.received)
    this.#backlog.tell('spool.found')
    this.#measure()
    const stop = AbortSignal.any([signal, this.#closed.signal])
    stop.addEventListener('abort', () => this.#turn(), { once: true })
    this.#draining = this.#drain(stop).catch((error: unknown) => this.#fail(error, stop))
    if (!this.#options.spool.isEmpty) {
      this.#beganAt = context.clock.now()
      return
    }
    const patience = new AbortController()
    await Promise.race([this.#opened.promise, this.#draining, context.clock.sleep(START_MS, patience.signal)])
    patience.abort()
    if (!this.#isDirect) this.#beganAt = context.clock.now()
    this.#check()
  }

  async append(topic: string, records: readonly NewRecord[], signal: AbortSignal): Promise<number> {
    this.#check()
    if (records.length <= CHUNK_RECORDS) return records.length === 0 ? 0 : this.#append(topic, records, signal)
    let duplicates = 0
    for (let at = 0; at < records.length; at += CHUNK_RECORDS)
      duplicates += await this.#append(topic, records.slice(at, at + CHUNK_RECORDS), signal)
    return duplicates
  }

  /** What is on disk stays there for the next start. */
  async close(): Promise<void> {
    this.#closed.abort()
    const patience = new AbortController()
    await Promise.race([this.#draining, this.#options.context.clock.sleep(LAST_MS, patience.signal)])
    patience.abort()
    this.#trouble[Symbol.dispose]()
    this.#backlog.tell('spool.kept')
    this.#check()
  }

  async #append(topic: string, records: readonly NewRecord[], signal: AbortSignal): Promise<number> {
    let own: Head | null = null
    for (;;) {
      this.#check()
      if (own?.isSent === true) return 0
      if (this.#isLast && !signal.aborted) {
        await this.#changed.promise
        continue
      }
      if (this.#isDirect)
        try {
          return duplicatesIn(await this.#options.broker.append(topic, records))
        } catch (error) {
          own = this.#fallBack({ topic, records, stored: 0, isSent: false }, error)
        }
      if (this.#store(topic, records)) {
        if (own !== null) own.stored = records.length
        return 0
      }
      if (signal.aborted) throw new StockpipeError('disk-full', 'the last frames could be kept nowhere', FULL)
      await this.#room(signal)
    }
  }

  #fallBack(head: Head, error: unknown): Head {
    if (!(error instanceof StockpipeError) || (!error.retryable && !error.mendable)) throw error
    const { log, clock } = this.#options.context
    this.#isDirect = false
    this.#beganAt = clock.now()
    log.warn('spool.began', { why: error.message, note: 'frames wait on disk until the log takes them again' })
    this.#head = head
    this.#turn()
    return head
  }

  /** False when there is no room, or the disk fails. */
  #store(topic: string, records: readonly NewRecord[]): boolean {
    try {
      if (!this.#options.spool.append(topic, records)) throw new StockpipeError('disk-full', 'the spool is full', FULL)
      this.#trouble.over()
      return true
    } catch (error) {
      this.#trouble.failed(wrap('disk-full', 'the spool cannot be written', error))
      return false
    } finally {
      this.#measure()
    }
  }

  /** Until something was sent, or a moment passed. */
  async #room(signal: AbortSignal): Promise<void> {
    const waited = new AbortController()
    const until = AbortSignal.any([signal, waited.signal])
    await Promise.race([this.#changed.promise, this.#options.context.clock.sleep(ROOM_MS, until)])
    waited.abort()
  }

  async #drain(signal: AbortSignal): Promise<void> {
    if (!(await isPrepared(signal, () => prepareLog(this.#options, signal)))) return
    await this.#bridge(signal)
    while (!signal.aborted) {
      const isSent = await this.#sendSome(signal)
      if (!isSent && this.#isDirect && !signal.aborted) await this.#changed.promise
    }
  }

  /** Where a former process wrote the log's end, and this one, or one between them, the spool's beginning. */
  async #bridge(signal: AbortSignal): Promise<void> {
    const { broker, topic, context, gapRecords, onRestart } = this.#options
    const last = await retry('log', () => lastDelivery(broker, topic), { context, signal })
    const first = this.#backlog.frame('oldest')
    this.#sentUpTo = last?.received ?? null
    if (last === null) return
    // Also where nothing waits but what is no trade, or cannot be read.
    if (first === null) return onRestart(last.received)
    if (first.session === last.session || first.received <= last.received) return
    const gap = { cause: 'restart', from: last.received, to: first.received, detail: '' } as const
    await this.#send(topic, gapRecords(gap), signal)
  }

  /** Sends the oldest of what waits. False when nothing does: then the way is free. */
  async #sendSome(signal: AbortSignal): Promise<boolean> {
    const head = this.#head
    if (head !== null) {
      await this.#send(head.topic, head.records, signal)
      head.isSent = true
      this.#head = null
      this.#sent(head.topic, head.stored)
      return true
    }
    const page = this.#backlog.next()
    if (page === null) {
      // In the turn in which nothing was found: what comes next finds the way free.
      if (this.#options.spool.isEmpty) this.#free()
      return false
    }
    const { topic, records, count, isLast } = page
    if (!isLast || !(await this.#sendLast(topic, records))) await this.#send(topic, records, signal)
    this.#sent(topic, count)
    return true
  }

  /** One try, in which nothing is put behind it. */
  async #sendLast(topic: string, records: readonly NewRecord[]): Promise<boolean> {
    this.#isLast = true
    try {
      await this.#options.broker.append(topic, records)
      return true
    } catch {
      this.#isLast = false
      this.#turn()
      return false
    }
  }

  async #send(topic: string, records: readonly NewRecord[], signal: AbortSignal): Promise<void> {
    const { broker, context } = this.#options
    if (records.length === 0) return
    await retry('log', () => broker.append(topic, records), { context, signal })
    this.#sentUpTo = receipts(records).at(-1) ?? this.#sentUpTo
  }

  #sent(topic: string, count: number): void {
    if (count > 0) this.#options.spool.remove(topic, count)
    this.#measure()
    this.#turn()
  }

  #lost(why: string): void {
    const { onLoss, context } = this.#options
    onLoss(this.#sentUpTo ?? this.#beganAt ?? context.clock.now(), why)
  }

  #free(): void {
    const { log, clock } = this.#options.context
    if (this.#beganAt !== null) log.info('spool.drained', { after_ms: clock.now() - this.#beganAt })
    this.#beganAt = null
    this.#isDirect = true
    this.#isLast = false
    this.#trouble.over()
    this.#opened.resolve()
    this.#turn()
  }

  /** Wakes who waits for room, or for something to send. */
  #turn(): void {
    const { resolve } = this.#changed
    this.#changed = Promise.withResolvers()
    resolve()
  }

  #measure(): void {
    this.#options.context.metrics.spoolBytes.set(this.#options.spool.bytes)
  }

  #fail(error: unknown, signal: AbortSignal): void {
    if (!signal.aborted) this.#failure = error
    this.#turn()
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure
  }
}

const FULL = {
  why: 'the log is away, and what waits for it fills the spool',
  hint: 'let the log come back, free some space on the disk, or raise --spool-size',
  retryable: true,
}
