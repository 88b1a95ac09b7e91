import type { ServerAddresses } from '../market.ts'
import type { OracleRecord } from '../oracle.ts'
import { systemClock } from '../../src/clock.ts'
import type { LogRecord } from '../../src/stream/broker.ts'
import { KafkaBroker } from '../../src/stream/broker/kafka.ts'
import { decodeRecord } from '../../src/stream/codec.ts'
import { Health, silentLog } from '../../src/telemetry.ts'

/** One partition as the rules read it. */
export interface LogOfPartition {
  /** Without those that are there a second time. */
  records: OracleRecord[]
  /** Records sent again, after a crash or an unknown acknowledgement. */
  copies: number
  /** Entries judged to be repeated deliveries. */
  repeats: number
  /** Places where the header `prev` names a record that is not there, as sentences. */
  holes: string[]
  /** What each session of a producer brought, without copies. */
  sessions: Map<string, Session>
}

export interface Session {
  /** When its producer began, unix ms. */
  from: number
  trades: number
}

/** The whole topic, by partition. */
export async function logOf(topic: string, { kafka }: Pick<ServerAddresses, 'kafka'>): Promise<LogOfPartition[]> {
  const around = { clock: systemClock, log: silentLog, health: new Health() }
  await using broker = new KafkaBroker({ brokers: kafka.brokers, tls: null, sasl: null, replication: null, ...around })
  const partitions: LogOfPartition[] = []
  for (const [partition, { end }] of (await broker.bounds(topic)).entries()) {
    const reader = new Reader(partition)
    partitions.push(reader.found)
    if (end === 0) continue
    for await (const { records } of broker.read(topic, partition, 0, new AbortController().signal)) {
      for (const record of records) reader.read(record)
      if ((records.at(-1)?.offset ?? -1) + 1 >= end) break
    }
  }
  return partitions
}

class Reader {
  readonly found: LogOfPartition = { records: [], copies: 0, repeats: 0, holes: [], sessions: new Map() }
  readonly #partition: number
  readonly #last = new Map<string, { seq: number; k: number }>()

  constructor(partition: number) {
    this.#partition = partition
  }

  read(record: LogRecord): void {
    const { received, skew, repeats, entries, session, seq, k } = decodeRecord(record)
    if (entries.length === 0) return
    const name = session ?? ''
    const last = this.#last.get(name) ?? null
    if (last !== null && (seq < last.seq || (seq === last.seq && k <= last.k))) {
      this.found.copies++
      return
    }
    const previous = record.headers['prev'] ?? null
    if (String(last?.seq ?? null) !== String(previous))
      this.found.holes.push(
        `partition ${this.#partition} offset ${record.offset}: ${name} ${seq} follows ${last?.seq}, not ${previous}`,
      )
    this.#last.set(name, { seq, k })
    this.found.repeats += repeats?.length ?? 0
    const { offset, timestamp } = record
    const known = this.found.sessions.get(name) ?? { from: startOf(name), trades: 0 }
    this.found.sessions.set(name, { from: known.from, trades: known.trades + entries.length })
    this.found.records.push({ offset, timestamp, received, skew, repeats: repeats ?? [], entries })
  }
}

/** The same over all partitions. */
export function sessionsOf(log: readonly LogOfPartition[]): Session[] {
  const all = new Map<string, Session>()
  for (const { sessions } of log)
    for (const [name, { from, trades }] of sessions) {
      const known = all.get(name) ?? { from, trades: 0 }
      all.set(name, { from: Math.min(known.from, from), trades: known.trades + trades })
    }
  return [...all.values()]
}

/** A session is named by when its producer began (unix ms, base 36) and three characters more. What waited on disk is appended much later. */
const startOf = (session: string): number => Number.parseInt(session.slice(0, -3), 36)
