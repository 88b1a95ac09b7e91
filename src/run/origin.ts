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
  context: Context
}

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
    await this.#claim(this.#options.log, 'topic', signal)
  }

  /** Before the first row. Another producer's topic carries no stamp: its data counts as live. Throws `origin`. */
  async stampStore(signal: AbortSignal): Promise<void> {
    this.current ??= (await this.#read(this.#options.log, signal)) ?? 'live'
    await this.#claim(this.#options.store, 'store', signal)
  }

  /** For a process that only reads: until the stamp is there. */
  async learn(signal: AbortSignal): Promise<void> {
    const { log, store, context } = this.#options
    const ask = async () => {
      this.current = (await this.#read(log, signal)) ?? (await this.#read(store, signal))
    }
    while (this.current === null && (await isPrepared(signal, ask)))
      if (this.current === null) await context.clock.sleep(1_000, signal)
  }

  async #read(stamp: Stamp | null, signal: AbortSignal): Promise<Origin | null> {
    const { context } = this.#options
    if (stamp === null) return null
    return (await retry('origin', () => stamp.read(), { context, signal })) as Origin | null
  }

  async #claim(stamp: Stamp | null, what: string, signal: AbortSignal): Promise<void> {
    const { context, allowMixed } = this.#options
    const wanted = this.current
    if (stamp === null || wanted === null) return
    const found = await retry('origin', () => stamp.claim(wanted), { context, signal })
    if (found === wanted || allowMixed) return
    throw new StockpipeError('origin', `the ${what} holds ${found} data, not ${wanted} data`, {
      why: 'data of different origins must not be mixed: nobody could tell real prices from made-up ones',
      hint: 'name another --kafka-topic and --cassandra-keyspace, or say --allow-mixed',
    })
  }
}
