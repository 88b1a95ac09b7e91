import type { Clock } from '../clock.ts'
import type { Live } from '../stream/live.ts'
import type { Rendered } from './render.ts'

export interface BodyCacheOptions {
  clock: Clock
  live: Live
  signal: AbortSignal
}

interface Entry {
  version: number
  at: number
  body: Promise<Rendered>
  size: number
}

/** Another process may have written without telling: so long may an answer be behind. */
const MAX_AGE_MS = 1_000
const MAX_SIZE = 32 * 1024 * 1024

/** Bodies of hot questions: good until the pipeline publishes something, and a second at most. */
export class BodyCache {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  #version = 0
  #size = 0

  constructor(options: BodyCacheOptions) {
    this.#clock = options.clock
    const unsubscribe = options.live.subscribe(() => this.#version++)
    options.signal.addEventListener('abort', unsubscribe, { once: true })
  }

  /** Those who ask the same at the same time share one reading. */
  get(key: string, make: () => Promise<Rendered>): Promise<Rendered> {
    const known = this.#entries.get(key)
    if (known && known.version === this.#version && this.#clock.now() - known.at < MAX_AGE_MS) return known.body
    if (known) this.#remove(key, known)
    const entry: Entry = { version: this.#version, at: this.#clock.now(), body: make(), size: key.length }
    this.#entries.set(key, entry)
    this.#size += entry.size
    entry.body.then(
      ({ text }) => this.#weigh(key, entry, text.length),
      () => this.#remove(key, entry),
    )
    return entry.body
  }

  #weigh(key: string, entry: Entry, length: number): void {
    if (this.#entries.get(key) !== entry) return
    entry.size += length
    this.#size += length
    for (const [oldest, other] of this.#entries) {
      if (this.#size <= MAX_SIZE) return
      this.#remove(oldest, other)
    }
  }

  #remove(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return
    this.#entries.delete(key)
    this.#size -= entry.size
  }
}
