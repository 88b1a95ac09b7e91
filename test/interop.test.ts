import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Admin, Kafka, logLevel } from 'kafkajs'

import { canary } from './canary.ts'
import { openFixture } from '../src/api/api.fixture.ts'
import { serveApi } from '../src/api/serve.ts'
import { systemClock } from '../src/clock.ts'
import type { LogRecord, NewRecord } from '../src/stream/broker.ts'
import { decodeRecord, encodeHeaders, encodeValue, type Framing, sealHeaders } from '../src/stream/codec.ts'
import type { Entry } from '../src/trade.ts'
import { openPython } from './python.ts'
import { kafkaForTests } from './services/services.ts'
import { makeTopic } from './services/topic.ts'

/**
 * What we write is read by others, and the reverse. The others are Python's Kafka and Avro libraries, with the schema as
 * the pipeline before this one had it: its text is repeated here on purpose, so that ours cannot change with it.
 */
const OLDER_SCHEMA = `{
  "type": "record",
  "name": "message",
  "namespace": "FinnhubProducer",
  "fields": [
    { "name": "data", "type": { "type": "array", "items": {
      "type": "record",
      "name": "data",
      "fields": [
        { "name": "c", "type": [{ "type": "array", "items": ["null", "string"] }, "null"] },
        { "name": "p", "type": "double" },
        { "name": "s", "type": "string" },
        { "name": "t", "type": "long" },
        { "name": "v", "type": "double" }
      ]
    } } },
    { "name": "type", "type": "string" }
  ]
}`

const LIMIT_MS = 120_000
const TOKEN = canary('api')
const BTC = 'BINANCE:BTCUSDT'

interface Message {
  data: Entry[]
  type: string
}

interface ReadByPython {
  key: string | null
  message: Message
}

const python = await openPython()
const server = python === null ? null : await kafkaForTests()
const brokers = server?.brokers.join() ?? ''

const entry = (more: Partial<Entry> = {}): Entry => ({
  c: null,
  p: 100.5,
  s: BTC,
  t: 1_795_444_200_123,
  v: 0.25,
  ...more,
})

/** One record each; what is odd about them is odd for an Avro library. */
const FRAMES: readonly (readonly Entry[])[] = [
  [entry()],
  [entry({ c: [] }), entry({ c: ['1', null] }), entry({ c: ['1', '24', '12'] })],
  [entry({ p: 0.1 + 0.2, v: 0 }), entry({ p: 5e-324, v: Number.MAX_VALUE }), entry({ p: 1e21, v: 1e-7 })],
  [entry({ t: 1 }), entry({ t: Number.MAX_SAFE_INTEGER - 1 }), entry({ t: 0 })],
  [entry({ s: 'OANDA:EUR_USD' }), entry({ s: 'IC MARKETS:1' }), entry({ s: 'ДЖ:π🚀', c: ['é', '', '\u0000'] })],
  Array.from({ length: 500 }, (_, index) => entry({ p: 1 + index / 3, t: 1_795_444_200_000 + index })),
]

/** Without -0, which JSON on its way to Python makes 0. */
const anyNumber = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  c: fc.option(fc.array(fc.option(fc.string({ unit: 'binary' }), { nil: null }), { maxLength: 4 }), { nil: null }),
  p: anyNumber,
  s: fc.string({ unit: 'binary', minLength: 1 }),
  t: fc.integer({ min: -(2 ** 52), max: 2 ** 53 - 2 }),
  v: anyNumber,
})
const SAMPLE = fc.sample(fc.array(anyEntry, { minLength: 1, maxLength: 8 }), { seed: 20_261_124, numRuns: 100 })

const toRecord = (entries: readonly Entry[], seq: number, framing: Framing): NewRecord => ({
  key: entries[0]?.s ?? null,
  value: encodeValue(entries, framing),
  headers: encodeHeaders(
    { session: 'interop', seq, k: 0, prev: null, received: 1_795_444_200_456, skew: -3, repeats: [0] },
    framing,
  ),
})

const seal = (framing: Framing): NewRecord => ({
  key: null,
  value: encodeValue([], framing),
  headers: sealHeaders(7, framing),
})

const messages = (frames: readonly (readonly Entry[])[]): Message[] =>
  frames.map((data) => ({ data: [...data], type: 'trade' }))

/** Our API with its registry on a port of its own. */
async function openRegistry(topic: string) {
  await using opening = new AsyncDisposableStack()
  const api = opening.use(await openFixture({ clock: systemClock, topic, token: TOKEN }))
  const served = opening.use(await serveApi(api.app, { host: '127.0.0.1', port: 0, context: api.context }))
  const opened = opening.move()
  return {
    access: { url: served.url, 'basic.auth.user.info': `anybody:${TOKEN}` },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const ask = async <Answer>(script: string, input: object): Promise<Answer> =>
  (await python?.run(script, { brokers, ...input })) as Answer

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(server === null)('on Kafka', () => {
  const kafka = new Kafka({ clientId: 'interop', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
  const admin: Admin = kafka.admin()
  const topics: string[] = []

  beforeAll(() => admin.connect())
  afterAll(async () => {
    if (topics.length > 0) await admin.deleteTopics({ topics })
    await admin.disconnect()
  })

  async function newTopic(numPartitions = 1): Promise<string> {
    const topic = `interop-${crypto.randomUUID()}`
    topics.push(topic)
    await makeTopic(admin, { topic, numPartitions })
    return topic
  }

  async function write(topic: string, records: readonly NewRecord[]): Promise<void> {
    const producer = kafka.producer()
    await producer.connect()
    const sent = records.map(({ key, value, headers }) => ({
      key,
      value: value === null ? null : Buffer.from(value),
      headers,
    }))
    await producer.send({ topic, messages: sent })
    await producer.disconnect()
  }

  async function read(topic: string, count: number): Promise<LogRecord[]> {
    const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 })
    const records: LogRecord[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      async eachMessage({ message: { offset, timestamp, key, value, headers } }) {
        records.push({
          offset: Number(offset),
          timestamp: Number(timestamp),
          key: key?.toString() ?? null,
          value,
          headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
        })
        if (records.length === count) resolve()
      },
    })
    await promise
    await consumer.disconnect()
    await admin.deleteGroups([topic])
    return records
  }

  test(
    'bare records are read by fastavro with the older schema, every field as it was sent',
    async () => {
      const topic = await newTopic()
      const frames = [...FRAMES, ...SAMPLE]
      await write(topic, [...frames.map((entries, seq) => toRecord(entries, seq, 'raw')), seal('raw')])
      const found = await ask<ReadByPython[]>('read_raw.py', {
        topic,
        count: frames.length + 1,
        schema: OLDER_SCHEMA,
      })
      expect(found.map(({ message }) => message)).toEqual(messages([...frames, []]))
      expect(found.map(({ key }) => key)).toEqual([...frames.map(([first]) => first?.s ?? null), null])
    },
    LIMIT_MS,
  )

  test(
    'framed records are read by the deserializer of Confluent, which asks our registry for the schema',
    async () => {
      const topic = await newTopic(3)
      await using registry = await openRegistry(topic)
      const frames = [...FRAMES, ...SAMPLE]
      await write(topic, [...frames.map((entries, seq) => toRecord(entries, seq, 'confluent')), seal('confluent')])
      const found = await ask<ReadByPython[]>('read_registered.py', {
        topic,
        count: frames.length + 1,
        registry: registry.access,
      })
      const sorted = (all: readonly Message[]) => all.map((message) => JSON.stringify(message)).sort()
      expect(sorted(found.map(({ message: { data, type } }) => ({ data, type })))).toEqual(
        sorted(messages([...frames, []])),
      )
    },
    LIMIT_MS,
  )

  test(
    'the records of the older producer, whole frames without key or headers, are decoded',
    async () => {
      const topic = await newTopic()
      const mixed = [
        [entry(), entry({ s: 'AAPL', c: ['1', null] }), entry({ p: 101 }), entry({ s: 'MSFT', c: [] })],
        ...FRAMES,
        ...SAMPLE,
      ]
      await ask('write_raw.py', { topic, schema: OLDER_SCHEMA, messages: messages(mixed) })
      const records = await read(topic, mixed.length)
      expect(records.map(({ key }) => key)).toEqual(mixed.map(() => null))
      const decoded = records.map(decodeRecord)
      expect(decoded.map(({ entries }) => entries)).toEqual(mixed)
      expect(new Set(decoded.map(({ session }) => session))).toEqual(new Set([null]))
    },
    LIMIT_MS,
  )

  test(
    'a producer that registers the same schema may, and what it writes is decoded',
    async () => {
      const topic = await newTopic()
      await using registry = await openRegistry(topic)
      const frames = [...FRAMES, ...SAMPLE]
      const input = { topic, registry: registry.access, schema: OLDER_SCHEMA, messages: messages(frames) }
      expect(await ask('write_registered.py', input)).toBeNull()
      const records = await read(topic, frames.length)
      expect(records.map((record) => decodeRecord(record).entries)).toEqual(frames)
      expect(records[0]?.value?.subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 0, 1]))
    },
    LIMIT_MS,
  )
})

// No Python packages here: test/python.ts says so, and fails where CI is set.
describe.skipIf(python === null)('of our registry', () => {
  test(
    'a producer with another schema is told that the registry is read-only',
    async () => {
      await using registry = await openRegistry('market')
      const schema = OLDER_SCHEMA.replace('"name": "v", "type": "double"', '"name": "v", "type": "float"')
      expect(schema).not.toBe(OLDER_SCHEMA)
      const input = { topic: 'market', registry: registry.access, schema, messages: messages([[entry()]]) }
      expect(await ask('write_registered.py', input)).toMatchObject({ status: 422, code: 42205 })
    },
    LIMIT_MS,
  )

  test(
    'the client of Confluent finds in the registry all that tools show of it',
    async () => {
      await using registry = await openRegistry('market')
      expect(await ask('look.py', { registry: registry.access })).toEqual({
        subject: 'market-value',
        versions: [1],
        latest: 1,
        id: 1,
        same: true,
        type: 'AVRO',
        looked_up: 1,
        places: [['market-value', 1]],
        types: ['AVRO'],
        compatibility: 'FULL',
        mode: 'READONLY',
      })
      const wrong = { ...registry.access, 'basic.auth.user.info': 'anybody:wrong' }
      const refused = await ask('look.py', { registry: wrong }).catch(String)
      expect(refused).toContain('HTTP status code 401, SR code 401')
    },
    LIMIT_MS,
  )
})
