import type { Headers } from '../stream/broker.ts'
import { deadLetterTopic } from '../stream/topics.ts'
import type { Work } from './options.ts'
import { recordsOf } from './read-log.ts'

/** More than that are counted, and not looked for. */
const MOST = 100_000

/** What cannot be used of the log must be in the dead-letter topic. */
export class DeadLetterCheck {
  readonly #work: Work
  readonly #wanted = new Map<string, string>()

  constructor(work: Work) {
    this.#work = work
  }

  expect(partition: number, offset: number, problem: string): void {
    if (this.#wanted.size < MOST) this.#wanted.set(`${partition}:${offset}`, problem)
  }

  async compare(): Promise<void> {
    if (this.#wanted.size === 0) return
    const { findings } = this.#work
    const { size } = this.#wanted
    const isWhole = await this.#find()
    findings.compared('dead-letter', size)
    if (!isWhole && this.#wanted.size > 0)
      findings.notes.push(`${this.#wanted.size} bad records may have left the dead-letter topic with its retention`)
    else
      for (const [key, problem] of this.#wanted)
        findings.add({ kind: 'dead-letter', key, column: 'row', stored: undefined, expected: problem })
  }

  /** Crosses off what is there. False where the topic has lost its head. */
  async #find(): Promise<boolean> {
    const { broker, topic, signal } = this.#work
    const letters = deadLetterTopic(topic)
    let isWhole = true
    for (const [partition, bounds] of (await broker.bounds(letters)).entries()) {
      if (bounds.start > 0) isWhole = false
      for await (const records of recordsOf({ broker, topic: letters, partition, signal, ...bounds }))
        for (const { headers } of records) this.#wanted.delete(sourceOf(headers))
    }
    return isWhole
  }
}

const sourceOf = (headers: Headers): string => `${headers['partition'] ?? ''}:${headers['offset'] ?? ''}`
