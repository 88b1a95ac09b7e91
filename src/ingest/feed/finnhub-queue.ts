import type { Clock } from '../../clock.ts'
import type { FeedEvent, Frame, Lost } from '../feed.ts'

export interface QueueLimit {
  frames: number
  characters: number
}

export interface LossListener {
  began(from: number): void
  ended(loss: Lost): void
}

/**
 * Between socket and reader. Full, it drops frames and says so. It does not make the socket wait instead: frames that
 * stay in the network get wrong receive times, pings go unanswered, and what the server then drops nobody can count.
 */
export class FeedQueue {
  readonly #limit: QueueLimit
  readonly #losses: LossListener
  #events: FeedEvent[] = []
  #frames = 0
  #characters = 0
  #loss: Lost | null = null
  #waiting: AbortController | null = null

  constructor(limit: QueueLimit, losses: LossListener) {
    this.#limit = limit
    this.#losses = losses
  }

  get isEmpty(): boolean {
    return this.#events.length === 0
  }

  /** Connections opening and closing: always kept. */
  note(event: Exclude<FeedEvent, Frame>): void {
    this.#events.push(event)
    this.wake()
  }

  frame(frame: Frame, received: number): void {
    const isFull = this.#frames >= this.#limit.frames || this.#characters + frame.text.length > this.#limit.characters
    // Until the reader comes: a small frame that would just fit must not make many losses of one.
    if (isFull || this.#loss !== null) return this.#lose(received)
    this.#events.push(frame)
    this.#frames++
    this.#characters += frame.text.length
    this.wake()
  }

  /** Everything that is there. A loss ends here: what comes now fits again. */
  take(): FeedEvent[] {
    const events = this.#events
    this.#events = []
    this.#frames = 0
    this.#characters = 0
    this.endLoss()
    return events
  }

  /** Resolves when there is something, after `ms`, or when woken. */
  async wait(clock: Clock, ms: number): Promise<void> {
    if (this.#events.length > 0 || ms <= 0) return
    this.#waiting = new AbortController()
    await clock.sleep(ms, this.#waiting.signal)
    this.#waiting = null
  }

  wake(): void {
    this.#waiting?.abort()
  }

  /** Reports a loss that goes on, if there is one. */
  endLoss(): void {
    if (this.#loss) this.#losses.ended(this.#loss)
    this.#loss = null
  }

  #lose(at: number): void {
    if (!this.#loss) {
      this.#losses.began(at)
      this.#loss = { kind: 'lost', from: at, to: at, frames: 0 }
      // In its place among the others; it grows there until it is taken.
      this.#events.push(this.#loss)
    }
    this.#loss.to = at
    this.#loss.frames++
  }
}
