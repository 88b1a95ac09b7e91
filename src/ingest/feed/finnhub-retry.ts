/** How a connection, or the attempt at one, ended. */
export type Ending =
  | { kind: 'refused'; status: number; retryAfterMs: number | null }
  | { kind: 'failed'; why: string }
  | Lost
  | { kind: 'stopped' }

export interface Lost {
  kind: 'lost'
  reason: 'closed' | 'stall' | 'ping-timeout'
  why: string
  lastedMs: number
  /** From when on nothing was seen (unix ms), where frames came after that. */
  since?: number
}

export type LossReason = 'closed' | 'stall' | 'ping-timeout' | 'evicted' | 'refused' | 'busy' | 'server' | 'network'

export interface Retry {
  delayMs: number
  /** For the metric. */
  reason: LossReason
  /** For a person. */
  words: string
}

export interface RetryTiming {
  baseMs: number
  capMs: number
  /** A connection that held this long starts the backoff anew. */
  stableMs: number
  /** What the server ends sooner than this looks like an eviction. */
  evictionMs: number
  /** The wait once it was seen to be one, doubled each time. */
  evictedMs: number
  /** The least wait after a refused token. */
  refusedMs: number
}

export const RETRY_TIMING: RetryTiming = {
  baseMs: 500,
  capMs: 30_000,
  stableMs: 60_000,
  evictionMs: 2_000,
  evictedMs: 60_000,
  refusedMs: 60_000,
}

/** So many short connections in a row are no accident. */
const EVICTIONS = 3
/** So many that did not become stable may be a rival who comes back slowly, or a server in trouble. */
const UNSTABLE = 5
const EVICTED_CAP_MS = 600_000
const EVICTED = 'each new connection is ended at once: another client probably uses this key (one connection per key)'

/** When to connect again: capped exponential backoff with full jitter, and its exceptions. Pure but for `random`. */
export class RetryPolicy {
  readonly #timing: RetryTiming
  readonly #random: () => number
  #failures = 0
  #short = 0
  #unstable = 0

  constructor(random: () => number, timing: Partial<RetryTiming> = {}) {
    this.#random = random
    this.#timing = { ...RETRY_TIMING, ...timing }
  }

  after(ending: Exclude<Ending, { kind: 'stopped' }>): Retry {
    if (ending.kind === 'refused') return this.#refused(ending)
    if (ending.kind === 'failed') return this.#backoff('network', ending.why)
    const { evictionMs, stableMs } = this.#timing
    if (ending.lastedMs >= stableMs) this.#failures = 0
    this.#short = ending.reason === 'closed' && ending.lastedMs < evictionMs ? this.#short + 1 : 0
    this.#unstable = ending.reason === 'closed' && ending.lastedMs < stableMs ? this.#unstable + 1 : 0
    return this.#short >= EVICTIONS ? this.#evicted() : this.#backoff(ending.reason, this.#suspecting(ending.why))
  }

  #suspecting(why: string): string {
    if (this.#unstable < UNSTABLE) return why
    return `${why}, soon after connecting and ${this.#unstable} times in a row: perhaps another client uses this key`
  }

  #refused({ status, retryAfterMs }: Extract<Ending, { kind: 'refused' }>): Retry {
    if (status === 401 || status === 403) {
      const delayMs = this.#timing.refusedMs * (1 + this.#random())
      return { delayMs, reason: 'refused', words: `Finnhub refused the token (HTTP ${status})` }
    }
    const words = `Finnhub answered the handshake with HTTP ${status}`
    const retry = this.#backoff(status === 429 ? 'busy' : 'server', words)
    return { ...retry, delayMs: Math.max(retry.delayMs, retryAfterMs ?? 0) }
  }

  #evicted(): Retry {
    const longest = Math.min(EVICTED_CAP_MS, this.#timing.evictedMs * 2 ** (this.#short - EVICTIONS))
    return { delayMs: longest * (0.5 + this.#random() / 2), reason: 'evicted', words: EVICTED }
  }

  #backoff(reason: LossReason, words: string): Retry {
    const longest = Math.min(this.#timing.capMs, this.#timing.baseMs * 2 ** this.#failures)
    this.#failures++
    return { delayMs: longest * this.#random(), reason, words }
  }
}

const MOST_RETRY_AFTER_MS = 3_600_000

/** `Retry-After` in seconds or as a date; null when there is none that makes sense. At most an hour. */
export function retryAfterMs(header: string | undefined, now: number): number | null {
  if (header === undefined || header.trim() === '') return null
  const seconds = Number(header)
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now
  return Number.isFinite(wait) ? Math.min(MOST_RETRY_AFTER_MS, Math.max(0, wait)) : null
}
