/** What the tests of the Kafka adapter share. */
import { expect } from 'bun:test'
import { Kafka, logLevel, type KafkaConfig } from 'kafkajs'

import type { Assignment, Batch, Broker, LogRecord, NewRecord } from '../broker.ts'
import { KafkaBroker, type KafkaOptions } from './kafka.ts'
import { systemClock } from '../../clock.ts'
import { Health, silentLog } from '../../telemetry.ts'

export interface OpenedBroker extends AsyncDisposable {
  broker: KafkaBroker
  health: Health
}

/** A client of the adapter, as a process of its own would have it. */
export function openBroker(brokers: readonly string[], more: Partial<KafkaOptions> = {}): OpenedBroker {
  const health = new Health()
  const broker = new KafkaBroker({
    brokers,
    tls: null,
    sasl: null,
    replication: null,
    clock: systemClock,
    log: silentLog,
    health,
    ...more,
  })
  return { broker, health, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() }
}

/** A client that has nothing to do with the adapter. */
export const thirdParty = (brokers: readonly string[], more: Partial<KafkaConfig> = {}): Kafka =>
  new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, ...more })

let names = 0
export const newName = (): string => `traps.${process.pid}.${Date.now().toString(36)}.${++names}`

export const record = (value: string, more: Partial<NewRecord> = {}): NewRecord => ({
  key: null,
  value: Buffer.from(value),
  headers: {},
  partition: 0,
  ...more,
})

export const text = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString())
export const textsOf = (records: readonly LogRecord[]): (string | null)[] => records.map(({ value }) => text(value))

export interface Place {
  topic: string
  partition?: number
  offset?: number
}

/** The first `count` records of a place. */
export async function readSome(broker: Broker, place: Place, count: number): Promise<LogRecord[]> {
  const { topic, partition = 0, offset = 0 } = place
  const abort = new AbortController()
  const found: LogRecord[] = []
  try {
    for await (const { records } of broker.read(topic, partition, offset, abort.signal)) {
      found.push(...records)
      if (found.length >= count) break
    }
  } finally {
    abort.abort()
  }
  return found
}

/** Everything a partition holds now. */
export async function readAll(broker: Broker, topic: string, partition = 0): Promise<LogRecord[]> {
  const { start, end } = (await broker.bounds(topic))[partition] ?? { start: 0, end: 0 }
  return end === start ? [] : readSome(broker, { topic, partition, offset: start }, end - start)
}

export const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  )

/** Sends the same records until they are in the log, as the callers of a broker do. */
export async function appendSurely(
  broker: Broker,
  topic: string,
  records: readonly NewRecord[],
): Promise<{ failures: unknown[] }> {
  const failures: unknown[] = []
  for (;;)
    try {
      const appended = await broker.append(topic, records)
      expect(appended).toHaveLength(records.length)
      return { failures }
    } catch (error) {
      failures.push(error)
      await Bun.sleep(50)
    }
}

/** A member of a group that reads nothing by itself. */
export class Member {
  readonly owned = new Map<number, Assignment>()
  /** Every partition it ever was given. */
  readonly given: Assignment[] = []
  readonly ended: Promise<void>
  readonly #abort = new AbortController()

  constructor(broker: Broker, { topic, group }: { topic: string; group: string }) {
    this.ended = this.#run(broker.join(topic, group, this.#abort.signal))
  }

  get partitions(): number[] {
    return [...this.owned.keys()].sort((a, b) => a - b)
  }

  /** Ends every batch loop, as at the end of a process, and leaves. */
  async leave(): Promise<void> {
    this.#abort.abort()
    await this.ended
  }

  async #run(assignments: AsyncIterable<Assignment>): Promise<void> {
    for await (const assignment of assignments) {
      this.given.push(assignment)
      this.owned.set(assignment.partition, assignment)
      const gone = () => {
        if (this.owned.get(assignment.partition) === assignment) this.owned.delete(assignment.partition)
      }
      assignment.signal.addEventListener('abort', gone)
      if (assignment.signal.aborted) gone()
    }
  }
}

/** Reads until the partition is to be handed over, and hands it over. */
export async function handOver(assignment: Assignment, work: (batch: Batch) => unknown = () => {}): Promise<void> {
  try {
    for await (const batch of assignment.batches(0)) await work(batch)
  } finally {
    assignment[Symbol.dispose]()
  }
}

export interface Appending {
  failures: readonly unknown[]
  acked: () => number
  /** Resolves to how many numbers were appended, from 0 on. */
  stop(): Promise<number>
}

/** Appends numbers to partition 0, several calls at a time, until it is stopped. */
export function appending(broker: Broker, topic: string): Appending {
  const stop = new AbortController()
  const failures: unknown[] = []
  let count = 1
  let acked = 0
  const work = async () => {
    while (!stop.signal.aborted) {
      const records = [record(String(count++)), record(String(count++))]
      failures.push(...(await appendSurely(broker, topic, records)).failures)
      acked += records.length
      await Bun.sleep(5)
    }
  }
  // A broker that has just started refuses the very first call.
  const begun = appendSurely(broker, topic, [record('0')])
  const worked = begun.then(() => Promise.all([work(), work(), work()]))
  return {
    failures,
    acked: () => acked,
    async stop() {
      stop.abort()
      await worked
      return count
    },
  }
}

export const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index))
