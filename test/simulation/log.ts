import type { Plain } from './market.ts'
import { Server } from './server.ts'
import type { Owner, World } from './world.ts'
import type { Appended, Batch, Bounds, LogRecord, NewRecord } from '../../src/stream/broker.ts'
import { partitionOf } from '../../src/stream/broker/partitioner.ts'
import { StockpipeError } from '../../src/errors.ts'
import type { Health } from '../../src/telemetry.ts'

/** `plain`: what its maker knows of it, for the oracle. */
export type SimRecord = LogRecord & { plain: Plain | null }
export type NewSimRecord = NewRecord & { plain?: Plain }

interface Slot {
  start: number
  /** Also those that retention removed. */
  records: SimRecord[]
  waiting: Set<() => void>
}

export interface Reading {
  owner: Owner
  health: Health
  topic: string
  partition: number
  signal: AbortSignal
}

/** The log: topics in memory. What is appended stays, until retention or until the topic is made anew. */
export class SimLog extends Server {
  readonly topics = new Map<string, Slot[]>()
  /** How long (ms) an empty fetch waits. */
  readonly #waitMs: number

  constructor(world: World) {
    super('the log', world)
    this.#waitMs = world.dice.between(700, 1_900)
  }

  slot(topic: string, partition: number): Slot {
    const slot = this.topics.get(topic)?.[partition]
    if (slot === undefined) throw new Error(`there is no partition ${partition} of ${topic}`)
    return slot
  }

  create(topic: string, partitions: number): number {
    if (!this.topics.has(topic))
      this.topics.set(
        topic,
        Array.from({ length: partitions }, () => ({ start: 0, records: [], waiting: new Set() })),
      )
    return partitions
  }

  append(topic: string, records: readonly NewSimRecord[]): Appended[] {
    const slots = this.topics.get(topic) ?? []
    return records.map(({ key, value, headers, partition = partitionOf(key ?? '', slots.length), plain = null }) => {
      const slot = this.slot(topic, partition)
      const offset = slot.records.length
      slot.records.push({ offset, timestamp: this.world.now, key, value, headers, plain })
      for (const wake of slot.waiting) wake()
      return { partition, offset, duplicate: false }
    })
  }

  bounds(topic: string): Bounds[] {
    return (this.topics.get(topic) ?? []).map(({ start, records }) => ({ start, end: records.length }))
  }

  /** The partitions of a topic, deleted and made anew. */
  remake(topic: string): void {
    for (const slot of this.topics.get(topic) ?? []) {
      slot.records = []
      slot.start = 0
    }
  }

  async *batches(from: number, reading: Reading): AsyncIterable<Batch> {
    let offset = from
    const { health, signal, owner } = reading
    while (!signal.aborted) {
      const startedAt = this.world.now
      const found = await this.#fetch(offset, reading)
      if (found === 'failed') {
        health.notReady('log', 'the log is not reachable', reading)
        await this.world.clockOf(owner).sleep(this.world.dice.between(100, 1_000), signal)
        continue
      }
      health.ready('log', reading)
      if (found === null || signal.aborted) return
      offset = Math.max(offset, this.slot(reading.topic, reading.partition).start)
      offset = (found.records.at(-1)?.offset ?? offset - 1) + 1
      yield { ...found, startedAt, endedAt: this.world.now }
    }
  }

  /** Null when the waiting was ended. */
  #fetch(
    offset: number,
    { owner, topic, partition, signal }: Reading,
  ): Promise<Pick<Batch, 'records' | 'end'> | 'failed' | null> {
    const { world } = this
    const slot = this.slot(topic, partition)
    return new Promise((resolve, reject) => {
      let isOver = false
      const end = () => {
        isOver = true
        slot.waiting.delete(wake)
        signal.removeEventListener('abort', abort)
      }
      const abort = () => {
        end()
        resolve(null)
      }
      const deliver = () => {
        if (isOver) return
        end()
        if (this.isDown || world.dice.chance(this.trouble.refused)) return resolve('failed')
        if (offset > slot.records.length) return reject(logChanged(offset))
        const from = Math.max(offset, slot.start)
        const size = world.dice.chance(0.2) ? 1 : world.dice.between(1, 12)
        resolve({ records: slot.records.slice(from, from + size), end: slot.records.length })
      }
      const wake = () => {
        slot.waiting.delete(wake)
        world.after(world.moment(), deliver, owner)
      }
      signal.addEventListener('abort', abort)
      if (offset !== slot.records.length) return world.after(world.moment(), deliver, owner)
      slot.waiting.add(wake)
      world.after(this.#waitMs, deliver, owner)
    })
  }
}

const logChanged = (offset: number): StockpipeError =>
  new StockpipeError('log-changed', `the log ends before offset ${offset}`, {
    why: 'the topic was deleted and made anew',
  })
