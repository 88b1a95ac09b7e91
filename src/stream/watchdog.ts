import type { ProcessorOptions } from './outlet.ts'
import { StockpipeError } from '../errors.ts'

/** The component on /readyz. */
const COMPONENT = 'progress'
/** Those whose trouble is waited for. */
const WAITED_FOR = ['store', 'log', 'recovery', 'live']
const LOOK_EVERY_MS = 2_000
/** Said on /readyz after this, or after half of the limit. */
const TELL_MS = 30_000

/** How far a partition is. */
export interface Progress extends Disposable {
  /** The next offset to fold; `isAtEnd`: nothing is there that a reader could see. */
  reached(position: number, isAtEnd?: boolean): void
}

interface Watched {
  position: number
  /** As of the last look. */
  before: number
  stillMs: number
  /** It found the end of the log since the last look: what lies behind, as marks of transactions do, is not for it. */
  hasFoundEnd: boolean
}

/**
 * Every other sign of life may be fine while nothing moves any more. This looks from outside: a partition with records to
 * process, no known trouble to wait for, and no progress is told on /readyz, and ends the process when that lasts, so that
 * whoever supervises it starts it anew.
 */
export class Watchdog implements Disposable {
  readonly #options: ProcessorOptions
  readonly #watched = new Map<number, Watched>()
  readonly #stalled = new AbortController()
  readonly #ended = new AbortController()

  constructor(options: ProcessorOptions) {
    this.#options = options
    if (options.stallLimit !== null) void this.#look(options.stallLimit)
  }

  /** Aborts when the limit has passed. */
  get stalled(): AbortSignal {
    return this.#stalled.signal
  }

  /** What the work resolves to; throws `stalled` when the limit has passed, for then it may never end. */
  unlessStalled<Result>(work: Promise<Result>): Promise<Result> {
    const stalled = Promise.withResolvers<never>()
    this.#stalled.signal.addEventListener('abort', () => stalled.reject(this.#stalled.signal.reason))
    return Promise.race([work, stalled.promise])
  }

  watch(partition: number): Progress {
    const watched: Watched = { position: -1, before: -1, stillMs: 0, hasFoundEnd: false }
    this.#watched.set(partition, watched)
    return {
      reached: (position, isAtEnd = false) => {
        watched.position = position
        watched.hasFoundEnd ||= isAtEnd
      },
      [Symbol.dispose]: () => {
        if (this.#watched.get(partition) === watched) this.#watched.delete(partition)
      },
    }
  }

  [Symbol.dispose](): void {
    this.#ended.abort()
    this.#options.context.health.ready(COMPONENT, this)
  }

  async #look(limit: number): Promise<void> {
    const { clock } = this.#options.context
    for (let at = clock.now(); ;) {
      await clock.sleep(LOOK_EVERY_MS, this.#ended.signal)
      if (this.#ended.signal.aborted) return
      const ends = await this.#ends()
      // Time in which this process was suspended is not time in which it did nothing.
      const passed = Math.min(clock.now() - at, 2 * LOOK_EVERY_MS)
      at = clock.now()
      for (const [partition, watched] of this.#watched) note(watched, { end: ends?.[partition] ?? null, passed })
      this.#judge(ends ?? [], limit)
    }
  }

  /** Null while there is trouble that is known and waited for. */
  async #ends(): Promise<(number | null)[] | null> {
    const { broker, topic, context } = this.#options
    if (WAITED_FOR.some((component) => context.health.reason(component) !== null)) return null
    const bounds = await broker.bounds(topic).catch(() => [])
    return bounds.map(({ end }) => end)
  }

  #judge(ends: readonly (number | null)[], limit: number): void {
    const { health, log } = this.#options.context
    const [partition, worst] = [...this.#watched].sort(([, a], [, b]) => b.stillMs - a.stillMs)[0] ?? []
    if (worst === undefined || worst.stillMs < Math.min(TELL_MS, limit / 2)) return health.ready(COMPONENT, this)
    const left = (ends[partition ?? 0] ?? worst.position) - worst.position
    const what = `partition ${partition} does not move: ${left} records wait for ${Math.round(worst.stillMs / 1000)} s`
    if (health.reason(COMPONENT) === null) log.error('processor.stalled', { why: what, exit_after_ms: limit })
    health.notReady(COMPONENT, what, this)
    if (worst.stillMs < limit || this.#stalled.signal.aborted) return
    this.#stalled.abort(
      new StockpipeError('stalled', what, {
        why: 'neither log nor store is known to be in trouble, so waiting longer would not help',
        hint: 'start it again; nothing is lost: it goes on from the last commit. Please report what the log says before',
      }),
    )
  }
}

function note(watched: Watched, { end, passed }: { end: number | null; passed: number }): void {
  const isBehind = end !== null && end > watched.position && !watched.hasFoundEnd
  const isStill = isBehind && watched.position === watched.before
  watched.stillMs = isStill ? watched.stillMs + passed : 0
  watched.before = watched.position
  watched.hasFoundEnd = false
}
