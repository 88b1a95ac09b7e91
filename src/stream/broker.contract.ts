import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import type { Assignment, Batch, Broker, LogRecord, NewRecord } from './broker.ts'
import { partitionOf } from './broker/partitioner.ts'

export interface BrokerHarness {
  /** On the system clock. The suite shares it, each case with topics and groups of its own. */
  broker: Broker
  /** Another client of the same log, as another process would have it. */
  connect(): Promise<Broker>
  close(): Promise<void>
}

let cases = 0
const text = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString())
const record = (key: string | null, value: string, more: Partial<NewRecord> = {}): NewRecord => ({
  key,
  value: Buffer.from(value),
  headers: {},
  ...more,
})
const numbered = (count: number, partition: number, from = 0): NewRecord[] =>
  Array.from({ length: count }, (_, index) => record(null, `${from + index}`, { partition }))

/** Batches until `enough` says so. */
async function take(batches: AsyncIterable<Batch>, enough: (all: Batch[]) => boolean): Promise<Batch[]> {
  const all: Batch[] = []
  for await (const batch of batches) {
    all.push(batch)
    if (enough(all)) break
  }
  return all
}
const recordsOf = (batches: readonly Batch[]): LogRecord[] => batches.flatMap(({ records }) => records)
const holding =
  (count: number) =>
  (all: Batch[]): boolean =>
    recordsOf(all).length >= count

/** What the promise was rejected with. */
const failureOf = (promise: Promise<unknown> | undefined): Promise<unknown> =>
  (promise ?? Promise.resolve()).then(
    () => 'no failure',
    (error: unknown) => error,
  )

/** What any `Broker` must do. Cases are independent of each other and of what the log held before. */
export function brokerContract(name: string, open: () => Promise<BrokerHarness>): void {
  describe(`${name} keeps the contract of a broker`, () => {
    let harness: BrokerHarness
    let broker: Broker
    const aborts: AbortController[] = []

    beforeAll(async () => {
      harness = await open()
      ;({ broker } = harness)
    })
    afterAll(async () => {
      for (const abort of aborts) abort.abort()
      await harness.close()
    })

    const abortable = (): AbortController => {
      const abort = new AbortController()
      aborts.push(abort)
      return abort
    }
    const newTopic = async (partitions = 3): Promise<string> => {
      const topic = `contract.${Date.now().toString(36)}.${++cases}`
      await broker.createTopic({ name: topic, partitions })
      return topic
    }
    const read = async (topic: string, partition: number, count: number): Promise<LogRecord[]> =>
      recordsOf(await take(broker.read(topic, partition, 0, abortable().signal), holding(count)))
    /** Joins, hands over the partitions, and leaves the group when `work` is done. */
    const owning = async <Result>(
      { topic, group, partitions }: { topic: string; group: string; partitions: number },
      work: (owned: Assignment[], abort: AbortController) => Promise<Result>,
    ): Promise<Result> => {
      const abort = abortable()
      const owned: Assignment[] = []
      let result: Result | undefined
      for await (const assignment of broker.join(topic, group, abort.signal)) {
        owned.push(assignment)
        if (owned.length < partitions) continue
        result = await work(owned, abort)
        abort.abort()
      }
      expect(owned.map(({ partition }) => partition).sort()).toEqual(Array.from({ length: partitions }, (_, at) => at))
      return result as Result
    }

    describe('topics', () => {
      test('a topic is made once, and answers its partitions', async () => {
        const topic = await newTopic(5)
        expect(await broker.createTopic({ name: topic, partitions: 5 })).toBe(5)
        expect(await broker.bounds(topic)).toEqual(Array.from({ length: 5 }, () => ({ start: 0, end: 0 })))
      })

      test('another number of partitions is refused', async () => {
        const topic = await newTopic(3)
        expect(await failureOf(broker.createTopic({ name: topic, partitions: 4 }))).toMatchObject({
          code: 'topic-mismatch',
          retryable: false,
        })
        expect(await broker.bounds(topic)).toHaveLength(3)
      })

      test('an unknown topic has no bounds', async () => {
        expect(await broker.bounds(`contract.unknown.${++cases}`)).toEqual([])
      })
    })

    describe('appending', () => {
      test('offsets of each partition count from 0 without holes, in the order given', async () => {
        const topic = await newTopic(2)
        const first = await broker.append(topic, [...numbered(2, 0), ...numbered(1, 1)])
        const second = await broker.append(topic, numbered(2, 1, 1))
        expect(first).toEqual([
          { partition: 0, offset: 0, duplicate: false },
          { partition: 0, offset: 1, duplicate: false },
          { partition: 1, offset: 0, duplicate: false },
        ])
        expect(second.map(({ offset }) => offset)).toEqual([1, 2])
        expect((await read(topic, 1, 3)).map(({ value, offset }) => [text(value), offset])).toEqual([
          ['0', 0],
          ['1', 1],
          ['2', 2],
        ])
        expect(await broker.bounds(topic)).toEqual([
          { start: 0, end: 2 },
          { start: 0, end: 3 },
        ])
      })

      test('a key goes where murmur2 puts it', async () => {
        const topic = await newTopic(3)
        const keys = ['AAPL', 'BINANCE:BTCUSDT', 'MSFT', 'BINANCE:ETHUSDT', 'ключ']
        const appended = await broker.append(
          topic,
          keys.map((key) => record(key, key)),
        )
        expect(appended.map(({ partition }) => partition)).toEqual(keys.map((key) => partitionOf(key, 3)))
      })

      test('calls made at the same time keep their order', async () => {
        const topic = await newTopic(1)
        const calls = Array.from({ length: 50 }, (_, call) => broker.append(topic, numbered(3, 0, call * 3)))
        const offsets = (await Promise.all(calls)).flat().map(({ offset }) => offset)
        expect(offsets).toEqual(Array.from({ length: 150 }, (_, index) => index))
        expect((await read(topic, 0, 150)).map(({ value }) => text(value))).toEqual(offsets.map(String))
      })

      test('nothing to append is no work', async () => {
        expect(await broker.append(await newTopic(), [])).toEqual([])
      })

      test('an unknown topic or partition is refused, and what is appended beside it goes through', async () => {
        const topic = await newTopic(1)
        const results = await Promise.allSettled([
          broker.append(topic, [record('a', '1')]),
          broker.append(topic, [record('a', '2', { partition: 7 })]),
          broker.append(`contract.unknown.${++cases}`, [record('a', '3')]),
          broker.append(topic, [record('a', '4')]),
        ])
        expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
        expect((await read(topic, 0, 2)).map(({ value }) => text(value))).toEqual(['1', '4'])
      })

      test('timestamps are of the append and never go back', async () => {
        const topic = await newTopic(1)
        const before = Date.now()
        await broker.append(topic, numbered(1, 0))
        await broker.append(topic, numbered(1, 0))
        const [first, second] = await read(topic, 0, 2)
        expect(Math.abs((first?.timestamp ?? 0) - before)).toBeLessThan(60_000)
        expect(second?.timestamp).toBeGreaterThanOrEqual(first?.timestamp ?? Infinity)
      })
    })

    describe('records', () => {
      test.each<[string, Pick<NewRecord, 'key' | 'value' | 'headers'>]>([
        ['with everything', { key: 'AAPL', value: Buffer.from([0, 255, 1]), headers: { framing: 'raw', skew: '-3' } }],
        ['without a key', { key: null, value: Buffer.from('v'), headers: {} }],
        ['without a value', { key: 'k', value: null, headers: { gap: '{"cause":"stall"}' } }],
        ['with an empty value', { key: 'k', value: new Uint8Array(), headers: {} }],
        ['with odd texts', { key: 'é "x" 🚀:A B', value: Buffer.from('v'), headers: { 'ä "': '\n🚀', empty: '' } }],
        [
          'with a name',
          { key: 'k', value: Buffer.from('v'), headers: { session: 's', seq: '12', k: '0', prev: '11' } },
        ],
        ['with half a name', { key: 'k', value: Buffer.from('v'), headers: { session: 's', seq: '12' } }],
        [
          'with numbers written oddly',
          { key: 'k', value: Buffer.from('v'), headers: { session: 's', seq: '007', k: '-1' } },
        ],
      ])('%s come back as they were', async (_name, { key, value, headers }) => {
        const topic = await newTopic(1)
        await broker.append(topic, [{ key, value, headers, partition: 0 }])
        const [found] = await read(topic, 0, 1)
        expect(found?.key).toBe(key)
        expect(found?.value === null ? null : [...(found?.value ?? [])]).toEqual(value === null ? null : [...value])
        expect({ ...found?.headers }).toEqual(headers)
      })

      test('values of 1 MB pass, and a batch of them stays bounded', async () => {
        const topic = await newTopic(1)
        const sizes = [10, 1_000_000, 1_000_000, 10, 1_000_000, 1_000_000, 1_000_000, 10]
        for (const [index, size] of sizes.entries())
          await broker.append(topic, [
            { key: null, partition: 0, headers: {}, value: new Uint8Array(size).fill(index) },
          ])
        const batches = await take(broker.read(topic, 0, 0, abortable().signal), holding(sizes.length))
        const found = recordsOf(batches)
        expect(found.map(({ value }) => value?.length)).toEqual(sizes)
        expect(found.every(({ value }, index) => value?.at(-1) === index && value[0] === index)).toBe(true)
        for (const { records } of batches)
          expect(records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)).toBeLessThan(4_000_000)
      })
    })

    describe('reading', () => {
      test('starts where it is asked to', async () => {
        const topic = await newTopic(1)
        await broker.append(topic, numbered(10, 0))
        const [first] = recordsOf(await take(broker.read(topic, 0, 7, abortable().signal), holding(1)))
        expect(first?.offset).toBe(7)
      })

      test('many records come in order, each once, across many batches', async () => {
        const topic = await newTopic(1)
        await broker.append(topic, numbered(5_000, 0))
        const offsets = (await read(topic, 0, 5_000)).map(({ offset }) => offset)
        expect(offsets).toEqual(Array.from({ length: 5_000 }, (_, index) => index))
      })

      test('follows the tail, also after other topics were made', async () => {
        const topic = await newTopic(1)
        await broker.append(topic, numbered(1, 0))
        const seen: number[] = []
        for await (const { records } of broker.read(topic, 0, 0, abortable().signal)) {
          seen.push(...records.map(({ offset }) => offset))
          if (seen.length >= 3) break
          if (records.length === 0) continue
          await newTopic(1)
          await broker.append(topic, numbered(1, 0))
        }
        expect(seen).toEqual([0, 1, 2])
      })

      test('an empty batch at the end says so, and when', async () => {
        const topic = await newTopic(1)
        await broker.append(topic, numbered(2, 0))
        const before = Date.now()
        const batches = await take(
          broker.read(topic, 0, 0, abortable().signal),
          (all) => all.at(-1)?.records.length === 0 && recordsOf(all).length === 2,
        )
        const empty = batches.at(-1)
        expect(empty?.end).toBe(2)
        expect(empty?.startedAt).toBeGreaterThanOrEqual(before)
        expect(empty?.endedAt).toBeGreaterThanOrEqual(empty?.startedAt ?? Infinity)
        expect(batches.every(({ end, records }) => end >= (records.at(-1)?.offset ?? -1) + 1)).toBe(true)
      })

      test('what is appended while an empty fetch waits is not claimed to be missing', async () => {
        const topic = await newTopic(1)
        const fetched = (async () => {
          for await (const batch of broker.read(topic, 0, 0, abortable().signal))
            if (batch.records.length > 0 || batch.end > 0) return batch
          return null
        })()
        await broker.append(topic, numbered(1, 0))
        expect(await fetched).toMatchObject({ end: 1, records: [{ offset: 0 }] })
      })

      test('another client sees what is appended, and follows', async () => {
        const topic = await newTopic(1)
        await broker.append(topic, numbered(1, 0))
        await using other = await harness.connect()
        expect(await other.bounds(topic)).toEqual([{ start: 0, end: 1 }])
        const seen: number[] = []
        for await (const { records } of other.read(topic, 0, 0, abortable().signal)) {
          seen.push(...records.map(({ offset }) => offset))
          if (seen.length >= 2) break
          if (records.length > 0) await broker.append(topic, numbered(1, 0))
        }
        expect(seen).toEqual([0, 1])
      })

      test('ends when it is aborted, also while it waits', async () => {
        const topic = await newTopic(1)
        await broker.append(topic, numbered(1, 0))
        const abort = abortable()
        const batches = broker.read(topic, 0, 0, abort.signal)[Symbol.asyncIterator]()
        await batches.next()
        const waiting = batches.next()
        abort.abort()
        let result = await waiting
        if (result.done !== true) result = await batches.next()
        expect(result.done).toBe(true)
      })
    })

    describe('groups', () => {
      test('the only member owns every partition, and reads each from where it says', async () => {
        const topic = await newTopic(3)
        await broker.append(topic, [...numbered(4, 0), ...numbered(4, 1), ...numbered(4, 2)])
        await owning({ topic, group: topic, partitions: 3 }, async (owned) => {
          for (const mine of owned) {
            expect(mine.committed).toBeNull()
            expect(recordsOf(await take(mine.batches(2), holding(2))).map(({ offset }) => offset)).toEqual([2, 3])
          }
        })
      })

      test('a commit comes back to the next owner, its 4096 bytes of metadata whole', async () => {
        const topic = await newTopic(2)
        const metadata = 'é'.repeat(2_000) + 'x'.repeat(96)
        await owning({ topic, group: topic, partitions: 2 }, async (owned) => {
          const mine = owned.find(({ partition }) => partition === 1)
          await mine?.commit(1, 'first')
          await mine?.commit(3, metadata)
        })
        const committed = await owning({ topic, group: topic, partitions: 2 }, async (owned) =>
          [...owned].sort((a, b) => a.partition - b.partition).map(({ committed }) => committed),
        )
        expect(committed).toEqual([null, { offset: 3, metadata }])
      })

      test('groups know nothing of each other', async () => {
        const topic = await newTopic(1)
        await owning({ topic, group: `${topic}.a`, partitions: 1 }, async ([mine]) => mine?.commit(9, 'a'))
        await owning({ topic, group: `${topic}.b`, partitions: 1 }, async ([mine]) =>
          expect(mine?.committed).toBeNull(),
        )
      })

      test('metadata beyond 4096 bytes is refused', async () => {
        const topic = await newTopic(1)
        await owning({ topic, group: topic, partitions: 1 }, async ([mine]) => {
          expect(await failureOf(mine?.commit(0, 'é'.repeat(2_049)))).toMatchObject({ retryable: false })
        })
      })

      test('when ownership ends, batches end and commits are refused', async () => {
        const topic = await newTopic(1)
        await broker.append(topic, numbered(1, 0))
        await owning({ topic, group: topic, partitions: 1 }, async ([mine], abort) => {
          let batches = 0
          for await (const _batch of mine?.batches(0) ?? []) if (++batches === 2) abort.abort()
          expect(batches).toBe(2)
          expect(mine?.signal.aborted).toBe(true)
          expect(await failureOf(mine?.commit(1, ''))).toBeInstanceOf(Error)
        })
      })
    })

    describe('records sent again', () => {
      const named = (seq: number, k: number, session = 'session-1'): NewRecord =>
        record('AAPL', `${session}/${seq}/${k}`, { headers: { session, seq: String(seq), k: String(k) } })

      test('are answered in order, and those that were appended are found by their name', async () => {
        const topic = await newTopic(3)
        const first = await broker.append(topic, [named(1, 0), named(1, 1), named(2, 0)])
        const again = await broker.append(topic, [named(1, 1), named(2, 0), named(3, 0)])
        expect(again).toHaveLength(3)
        expect(again[2]).toMatchObject({ partition: first[0]?.partition, duplicate: false })
        // A log that cannot know appends them once more; the processor drops them by the same name.
        if (again[0]?.duplicate === true) {
          expect(again.slice(0, 2)).toEqual(first.slice(1).map((place) => ({ ...place, duplicate: true })))
          expect(again[2]?.offset).toBe(3)
        }
      })
    })
  })
}
