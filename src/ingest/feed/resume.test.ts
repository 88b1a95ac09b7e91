import { expect, test } from 'bun:test'
import { Resume } from './resume.ts'
import { resumeFromLog } from './resume-from-log.ts'
import { systemClock } from '../../clock.ts'
import { openEmbeddedBroker } from '../../stream/broker/embedded.ts'
import { partitionOf } from '../../stream/broker/partitioner.ts'
import { encodeHeaders, encodeValue } from '../../stream/codec.ts'
import { createLog } from '../../telemetry.ts'
import type { Entry } from '../../trade.ts'

const trade = (s: string, t: number, v = 1): Entry => ({ c: null, p: 10, s, t, v })
const frame = (...data: Entry[]) => JSON.stringify({ data, type: 'trade' })

test('a symbol that is behind another loses nothing, one that is ahead comes once', () => {
  const resume = new Resume(
    ['A', 'B'],
    100,
    new Map([
      ['A', { t: 150, count: 1 }],
      ['B', { t: 120, count: 1 }],
    ]),
  )
  expect(resume.begin()).toBe(120)
  expect(resume.pass(frame(trade('B', 120), trade('A', 130)))).toBeNull()
  expect(resume.pass(frame(trade('B', 121), trade('A', 150), trade('A', 151)))).toBe(
    frame(trade('B', 121), trade('A', 151)),
  )
})

test('a cut between two trades of one millisecond goes on with the second one', () => {
  const resume = new Resume(['A'], 100, new Map([['A', { t: 150, count: 2 }]]))
  expect(resume.begin()).toBe(150)
  expect(resume.pass(frame(trade('A', 150, 1), trade('A', 150, 2), trade('A', 150, 3)))).toBe(frame(trade('A', 150, 3)))
})

test('a second connection goes on where the first one was', () => {
  const resume = new Resume(['A', 'B'], 100)
  expect(resume.begin()).toBe(100)
  expect(resume.pass(frame(trade('A', 100), trade('A', 110), trade('A', 110)))).not.toBeNull()
  expect(resume.begin()).toBe(100)
  expect(resume.pass(frame(trade('A', 100), trade('B', 105), trade('A', 110)))).toBe(frame(trade('B', 105)))
  expect(resume.pass(frame(trade('A', 110), trade('A', 110)))).toBe(frame(trade('A', 110)))
})

test('what is no trade passes as it is', () => {
  const resume = new Resume(['A'], 100)
  resume.begin()
  for (const text of ['{"type":"ping"}', 'not json']) expect(resume.pass(text)).toBe(text)
})

const ONE = 'BINANCE:BTCUSDT'
const PARTITIONS = 3
const lone =
  ['A', 'B', 'C', 'D', 'E'].find((name) => partitionOf(name, PARTITIONS) === partitionOf(ONE, PARTITIONS)) ?? ''

test('the log tells how far each symbol is, also one whose last trade is far back, beside records nobody can read', async () => {
  await using broker = await openEmbeddedBroker({
    path: ':memory:',
    clock: systemClock,
    log: createLog({ level: 'error', format: 'json', clock: systemClock, write: () => {} }),
  })
  await broker.createTopic({ name: 't', partitions: PARTITIONS, retentionMs: 1e12 })
  let seq = 0
  const append = (s: string, entries: Entry[], repeats: number[] = []) =>
    broker.append('t', [
      {
        key: s,
        value: encodeValue(entries, 'raw'),
        headers: encodeHeaders({ session: 's', seq: seq++, k: 0, prev: null, received: null, skew: 0, repeats }, 'raw'),
      },
    ])
  await append(lone, [trade(lone, 1_000), trade(lone, 1_005)])
  await append(lone, [trade(lone, 1_005)])
  for (let n = 0; n < 300; n++) await append(ONE, [trade(ONE, 2_000 + n)])
  await append(ONE, [trade(ONE, 2_299), trade(ONE, 2_299)], [1])
  await broker.append('t', [{ key: ONE, value: Buffer.from('broken'), headers: {} }])
  const resume = await resumeFromLog({ broker, topic: 't', symbols: [ONE, lone], from: 500 })
  expect(resume.begin()).toBe(1_005)
  const sent = [trade(lone, 1_005), trade(lone, 1_005), trade(lone, 1_005, 2), trade(ONE, 2_298)]
  const rest = [trade(ONE, 2_299), trade(ONE, 2_299), trade(ONE, 2_299, 2)]
  expect(resume.pass(frame(...sent, ...rest))).toBe(frame(trade(lone, 1_005, 2), trade(ONE, 2_299, 2)))
})
