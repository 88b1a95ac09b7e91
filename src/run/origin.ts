import type { Origin } from '../data-dir.ts'
import { StockpipeError } from '../errors.ts'
import type { Stamp } from '../stream/stamp.ts'
import { isPrepared, retry } from '../stream/retry.ts'
import type { Context } from '../telemetry.ts'

export interface OriginOptions {
  /** Of the feed in this process; null where it runs elsewhere. */
  own: Origin | null
  allowMixed: boolean
  /** Of the topic and of the store, where they are on servers. */
  log: Stamp | null
  store: Stamp | null
  /** Whether the log holds anything yet. */
  hasRecords: () => Promise<boolean>
  context: Context
}

const LOOK_EVERY_MS = 500

/**
 * Where the data comes from. The process with the feed knows, and stamps the log before its first record; processors stamp
 * the store with what the log says; everybody else reads it. Data of another origin is refused.
 */
export class OriginKeeper {
  /** Null until it is known. */
  current: Origin | null
  readonly #options: OriginOptions

  constructor(options: OriginOptions) {
    this.#options = options
    this.current = options.own
  }

  /** Before the first append. Throws `origin`. */
  async stampLog(signal: AbortSignal): Promise<void> {
    await this.#claim('log', 'topic', signal)
  }

  /** Before the first row: waits until there is a first record. Throws `origin`. */
  async stampStore(signal: AbortSignal): Promise<void> {
    await this.#learn(signal, () => this.#ofLog(signal))
    await this.#claim('store', 'store', signal)
  }

  /** For a process that only reads. */
  async learn(signal: AbortSignal): Promise<void> {
    await this.#learn(signal, async () => (await this.#read('log', signal)) ?? this.#read('store', signal))
  }

  async #learn(signal: AbortSignal, ask: () => Promise<Origin | null>): Promise<void> {
    const look = async () => {
      this.current = await ask()
    }
    while (this.current === null && (await isPrepared(signal, look)))
      if (this.current === null) await this.#options.context.clock.sleep(LOOK_EVERY_MS, signal)
  }

  /** A topic with records and no stamp, looked at in this order, was filled by another producer: that is live data. */
  async #ofLog(signal: AbortSignal): Promise<Origin | null> {
    const { context, hasRecords } = this.#options
    const isFilled = await retry('log', hasRecords, { context, signal })
    return (await this.#read('log', signal)) ?? (isFilled ? 'live' : null)
  }

  async #read(where: 'log' | 'store', signal: AbortSignal): Promise<Origin | null> {
    const { context, [where]: stamp } = this.#options
    if (stamp === null) return null
    return (await retry(where, () => stamp.read(), { context, signal })) as Origin | null
  }

  async #claim(where: 'log' | 'store', what: string, signal: AbortSignal): Promise<void> {
    const { context, allowMixed, [where]: stamp } = this.#options
    const wanted = this.current
    if (stamp === null || wanted === null) return
    const found = await retry(where, () => stamp.claim(wanted), { context, signal })
    if (found === wanted || allowMixed) return
    throw new StockpipeError('origin', `the ${what} holds ${found} data, not ${wanted} data`, {
      why: 'data of different origins must not be mixed: nobody could tell real prices from made-up ones',
      hint: 'name another --kafka-topic and --cassandra-keyspace, or say --allow-mixed',
    })
  }
}
