import { Reader, Writer } from './bytes.ts'
import type { Node } from './protocol.ts'
import type { Aborted } from './record-batch.ts'

/**
 * The two requests that carry records, as bytes: Produce 7 and Fetch 11, which Kafka 2.3 to 4.x speak. kafkajs sends
 * them; it would also take them apart, record by record, and fail as a whole where one partition fails.
 */

export interface BatchToProduce {
  partition: number
  /** A record batch. */
  bytes: Buffer
}

export interface ProducedPartition {
  partition: number
  errorCode: number
  /** Of the first record; -1 where the broker does not know. */
  baseOffset: number
}

export interface ProduceRequest {
  topic: string
  batches: readonly BatchToProduce[]
  /** How long (ms) the broker may wait for its replicas. */
  timeout: number
}

export interface FetchRequest {
  topic: string
  partitions: readonly { partition: number; offset: number; maxBytes: number }[]
  /** How long (ms) the broker may wait for a first byte. */
  maxWait: number
  maxBytes: number
}

export interface FetchedPartition {
  partition: number
  errorCode: number
  highWatermark: number
  /** What stands behind it belongs to open transactions. */
  lastStableOffset: number
  aborted: readonly Aborted[]
  /** Record batches; the last one may be cut off. A slice of the whole answer. */
  bytes: Buffer
}

const PRODUCE = { apiKey: 0, apiVersion: 7, apiName: 'Produce' }
const FETCH = { apiKey: 1, apiVersion: 11, apiName: 'Fetch' }
const ACKS_ALL = -1
const READ_COMMITTED = 1
const NO_SESSION = -1

export async function produce(node: Node, { topic, batches, timeout }: ProduceRequest): Promise<ProducedPartition[]> {
  const writer = new Writer().string(null).int16(ACKS_ALL).int32(timeout)
  writer.array([topic], (name) =>
    writer
      .string(name)
      .array(batches, ({ partition, bytes }) => writer.int32(partition).int32(bytes.length).raw(bytes)),
  )
  return send(node, { ...PRODUCE, bytes: writer.done(), read: readProduced })
}

export async function fetch(node: Node, request: FetchRequest): Promise<FetchedPartition[]> {
  const { topic, partitions, maxWait, maxBytes } = request
  const writer = new Writer().int32(-1).int32(maxWait).int32(1).int32(maxBytes).int8(READ_COMMITTED)
  writer
    .int32(0)
    .int32(NO_SESSION)
    .array([topic], (name) =>
      writer
        .string(name)
        .array(partitions, ({ partition, offset, maxBytes: most }) =>
          writer.int32(partition).int32(-1).int64(offset).int64(-1).int32(most),
        ),
    )
  writer.int32(0).string('')
  return send(node, { ...FETCH, bytes: writer.done(), read: readFetched })
}

interface RawRequest<Answer> {
  apiKey: number
  apiVersion: number
  apiName: string
  bytes: Buffer
  read: (reader: Reader) => Answer
}

const send = <Answer>(node: Node, { bytes, read, ...request }: RawRequest<Answer>): Promise<Answer> =>
  node.connectionPool.send({
    // What kafkajs takes for an encoder.
    request: { ...request, encode: async () => ({ buf: bytes, buffer: bytes }) },
    response: { decode: async (raw) => read(new Reader(raw)), parse: async (answer) => answer },
  })

function readProduced(reader: Reader): ProducedPartition[] {
  const found: ProducedPartition[] = []
  for (let topics = reader.int32(); topics > 0; topics--) {
    reader.string()
    for (let left = reader.int32(); left > 0; left--) {
      found.push({ partition: reader.int32(), errorCode: reader.int16(), baseOffset: reader.int64() })
      reader.at += 16 // append time, start of the log
    }
  }
  return found
}

function readFetched(reader: Reader): FetchedPartition[] {
  const found: FetchedPartition[] = []
  reader.at += 10 // throttle time, error and id of the session
  for (let topics = reader.int32(); topics > 0; topics--) {
    reader.string()
    for (let left = reader.int32(); left > 0; left--) found.push(readPartition(reader))
  }
  return found
}

function readPartition(reader: Reader): FetchedPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  reader.at += 8 // start of the log
  const aborted: Aborted[] = []
  for (let left = reader.int32(); left > 0; left--)
    aborted.push({ producerId: reader.bigint(), firstOffset: reader.int64() })
  reader.at += 4 // preferred replica
  const size = Math.max(0, reader.int32())
  reader.at += size
  const bytes = reader.bytes.subarray(reader.at - size, reader.at)
  return { partition, errorCode, highWatermark, lastStableOffset, aborted, bytes }
}
