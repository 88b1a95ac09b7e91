import type { ServerAddresses } from './market.ts'
import type { Stored } from './nasty-rows.ts'
import { systemClock } from '../src/clock.ts'
import { KafkaBroker } from '../src/stream/broker/kafka.ts'
import { decodeRecord } from '../src/stream/codec.ts'
import { Health, silentLog } from '../src/telemetry.ts'

/** Offsets, by partition, of records that are in a topic a second time: a producer that was killed sends its last ones again. */
export async function copiesIn(topic: string, { kafka }: Pick<ServerAddresses, 'kafka'>): Promise<number[][]> {
  const around = { clock: systemClock, log: silentLog, health: new Health() }
  await using broker = new KafkaBroker({ brokers: kafka.brokers, tls: null, sasl: null, replication: null, ...around })
  const bounds = await broker.bounds(topic)
  return Promise.all(bounds.map(({ end }, partition) => copiesBefore(end, { broker, topic, partition })))
}

async function copiesBefore(
  end: number,
  { broker, topic, partition }: { broker: KafkaBroker; topic: string; partition: number },
): Promise<number[]> {
  const seen = new Set<string>()
  const copies: number[] = []
  if (end === 0) return copies
  for await (const { records } of broker.read(topic, partition, 0, new AbortController().signal)) {
    for (const record of records) {
      const { session, seq, k } = decodeRecord(record)
      const name = `${session} ${seq} ${k}`
      if (seen.has(name)) copies.push(record.offset)
      seen.add(name)
    }
    if ((records.at(-1)?.offset ?? -1) + 1 >= end) break
  }
  return copies
}

/** The rows with the offsets of a log without these copies. */
export function withoutCopies(stored: Stored, copies: readonly (readonly number[])[]): Stored {
  const renumbered = (rows: Stored['trades']) =>
    rows.map((row) => {
      const offset = Number(row['log_offset'])
      const before = copies[Number(row['log_partition'])]?.filter((copy) => copy <= offset).length ?? 0
      return { ...row, log_offset: offset - before }
    })
  return { ...stored, trades: renumbered(stored.trades), late: renumbered(stored.late) }
}
