import { drainMicrotasks } from 'bun:jsc'

import { Dice } from './dice.ts'
import type { Clock } from '../../src/clock.ts'

/** On whose behalf something happens: a process that may die or be stopped for a while. */
export interface Owner {
  readonly name: string
  isDead: boolean
  frozenUntil: number
}

interface Event {
  at: number
  tie: number
  run: () => void
  owner: Owner | null
}

/** What is broken without end in a run ends the run. */
const MOST_EVENTS = 300_000

/**
 * The one scheduler. Everything that waits, waits here; what is due at the same moment happens in an order that the seed
 * decides. One event at a time, and after it all that follows from it without waiting, so nothing else decides the order.
 */
export class World {
  readonly dice: Dice
  now: number
  /** Of it, what nobody lived through. */
  #leapt = 0
  events = 0
  /** What was seen to happen, and how often. */
  readonly seen = new Map<string, number>()
  readonly #heap: Event[] = []
  readonly #lines: string[] | null
  #failure: Error | null = null
  readonly #signals: AbortController[] = []

  constructor({ seed, start, isTraced }: { seed: number; start: number; isTraced: boolean }) {
    this.dice = new Dice(seed)
    this.now = start
    this.#lines = isTraced ? [] : null
  }

  get trace(): readonly string[] {
    return this.#lines ?? []
  }

  note(words: () => string): void {
    this.#lines?.push(`${new Date(this.now).toISOString().slice(8, 23)} ${words()}`)
  }

  /** One that aborts at the latest when the run is over: what listens to others' signals is never let go before. */
  controller(): AbortController {
    const made = new AbortController()
    this.#signals.push(made)
    return made
  }

  [Symbol.dispose](): void {
    for (const controller of this.#signals) controller.abort()
  }

  saw(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  /** A rule was broken: the run ends. The first one counts. */
  fail(message: string): void {
    if (this.#failure !== null) return
    this.note(() => `WRONG: ${message}`)
    this.#failure = new Error(message)
  }

  after(ms: number, run: () => void, owner: Owner | null = null): void {
    this.#push({ at: this.now + Math.max(0, ms), tie: this.dice.next(), run, owner })
  }

  /** A moment on the way from one machine to another. */
  moment(): number {
    return this.dice.chance(0.9) ? this.dice.upTo(6) : this.dice.upTo(400)
  }

  /** The time as `owner` sees it; its sleeping ends with it. */
  clockOf(owner: Owner): Clock {
    return {
      now: () => this.now,
      elapsed: () => this.now - this.#leapt,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve()
          this.after(ms, resolve, owner)
          signal?.addEventListener('abort', () => resolve(), { once: true })
        }),
    }
  }

  /** Everything stands still for a while, as when the machine is suspended. */
  jump(ms: number): void {
    this.now += ms
    this.#leapt += ms
  }

  /** Goes on until `isDone`. Throws the first broken rule. */
  run(isDone: () => boolean): void {
    drainMicrotasks()
    while (this.#failure === null && !isDone()) {
      const event = this.#pop()
      if (event === null) throw new Error('nothing is left to happen')
      if (event.owner?.isDead) continue
      this.now = Math.max(this.now, event.at)
      if (event.owner !== null && event.owner.frozenUntil > this.now) {
        this.#push({ ...event, at: event.owner.frozenUntil, tie: this.dice.next() })
        continue
      }
      if (++this.events > MOST_EVENTS) throw new Error('it does not come to an end')
      event.run()
      drainMicrotasks()
    }
    if (this.#failure !== null) throw this.#failure
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || !isBefore(event, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = event
  }

  #pop(): Event | null {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined) return null
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      if (left === undefined) break
      const isRight = right !== undefined && isBefore(right, left)
      const child = isRight ? right : left
      if (!isBefore(child, last)) break
      heap[at] = child
      at = 2 * at + (isRight ? 2 : 1)
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.tie < b.tie)
