import { metric } from './deployment.ts'
import type { Session } from './log.ts'
import type { Running } from '../running.ts'

const POLL_MS = 50

interface Producer {
  run: Running
  startedAt: number
  acknowledged: number
}

/** What producers said of themselves that the log has acknowledged, up to a moment before they were killed. */
export class Acknowledged implements AsyncDisposable {
  readonly #producers: Producer[] = []
  readonly #ended = new AbortController()
  readonly #polling: Promise<void>

  constructor(first: Running) {
    this.follow(first)
    this.#polling = this.#poll()
  }

  /** Another one, for the last has ended. */
  follow(run: Running): void {
    this.#producers.push({ run, startedAt: Date.now(), acknowledged: 0 })
  }

  get total(): number {
    return this.#producers.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  }

  /** Producers of which the log holds less than they said, as sentences. */
  missingIn(sessions: readonly Session[]): string[] {
    return this.#producers.flatMap(({ startedAt, acknowledged }, index) => {
      const end = this.#producers[index + 1]?.startedAt ?? Number.POSITIVE_INFINITY
      // The first one was there before it was followed.
      const isOfIt = ({ from }: Session) => (index === 0 || from >= startedAt) && from < end
      const trades = sessions.filter(isOfIt).reduce((sum, { trades }) => sum + trades, 0)
      return trades < acknowledged ? [`producer ${index + 1}: ${acknowledged} acknowledged, ${trades} in the log`] : []
    })
  }

  async #poll(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const producer = this.#producers.at(-1)
      if (producer !== undefined && producer.run.child.exitCode === null) await ask(producer).catch(() => {})
      await Bun.sleep(POLL_MS)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort()
    await this.#polling
  }
}

async function ask(producer: Producer): Promise<void> {
  const trades = await metric(producer.run, 'trades_total')
  producer.acknowledged = Math.max(producer.acknowledged, trades)
}
