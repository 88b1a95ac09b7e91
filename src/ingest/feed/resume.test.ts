import { expect, test } from 'bun:test'
import { type Reached, Resume } from './resume.ts'
import { resumeFromLog } from './resume-from-log.ts'
import { systemClock } from '../../clock.ts'
import { openEmbeddedBroker } from '../../stream/broker/embedded.ts'
import { partitionOf } from '../../stream/broker/partitioner.ts'
import { encodeHeaders, encodeValue } from '../../stream/codec.ts'
import { silentLog } from '../../telemetry.ts'
import type { Entry } from '../../trade.ts'

const trade = (s: string, t: number, v = 1): Entry => ({ c: null, p: 10, s, t, v })
const frame = (...data: Entry[]) => JSON.stringify({ data, type: 'trade' })

const NOW = 10_000
const PAST = { first: 900, again: 2_000 }
const known = (...of: [string, Reached][]) => ({ reached: new Map(of), oldest: null })

test('a symbol that is behind another loses nothing, one that is ahead comes once', () => {
  const resume = new Resume(['A', 'B'], PAST, known(['A', { t: 9_150, count: 1 }], ['B', { t: 9_120, count: 1 }]))
  expect(resume.begin(NOW)).toEqual({ since: 9_120, missed: [] })
  expect(resume.pass(frame(trade('B', 9_120), trade('A', 9_130)))).toBeNull()
  expect(resume.pass(frame(trade('B', 9_121), trade('A', 9_150), trade('A', 9_151)))).toBe(
    frame(trade('B', 9_121), trade('A', 9_151)),
  )
})

test('a cut between two trades of one millisecond goes on with the second one', () => {
  const resume = new Resume(['A'], PAST, known(['A', { t: 9_150, count: 2 }]))
  expect(resume.begin(NOW).since).toBe(9_150)
  expect(resume.pass(frame(trade('A', 9_150, 1), trade('A', 9_150, 2), trade('A', 9_150, 3)))).toBe(
    frame(trade('A', 9_150, 3)),
  )
})

test('a second connection goes on where the first one was', () => {
  const resume = new Resume(['A', 'B'], PAST)
  expect(resume.begin(NOW).since).toBe(9_100)
  expect(resume.pass(frame(trade('A', 9_100), trade('A', 9_110), trade('A', 9_110)))).not.toBeNull()
  expect(resume.begin(NOW + 50).since).toBe(9_100)
  expect(resume.pass(frame(trade('A', 9_100), trade('B', 9_105), trade('A', 9_110)))).toBe(frame(trade('B', 9_105)))
  expect(resume.pass(frame(trade('A', 9_110), trade('A', 9_110)))).toBe(frame(trade('A', 9_110)))
})

test('a second start goes on where the first one was, however short that one was', () => {
  const resume = new Resume(['A'], PAST, known(['A', { t: 9_110, count: 1 }]))
  expect(resume.begin(NOW + 500)).toEqual({ since: 9_110, missed: [] })
})

test('a symbol that the first start did not come to begins where the others did, as far as that is sent again', () => {
  const reached = new Map([['A', { t: 9_110, count: 1 }]])
  const beginning = (oldest: number) => new Resume(['A', 'B'], PAST, { reached, oldest }).begin(NOW + 500).since
  expect(beginning(9_105)).toBe(9_105)
  expect(beginning(8_501)).toBe(8_501)
  // It is new, and the others are there for long.
  expect(beginning(8_499)).toBe(9_110)
})

test('what lies further back than is sent again is missed, and the market begins anew', () => {
  const resume = new Resume(['A', 'B'], PAST, known(['A', { t: 7_010, count: 1 }], ['B', { t: 7_000, count: 2 }]))
  expect(resume.begin(9_000)).toEqual({ since: 7_000, missed: [] })
  expect(resume.begin(9_050)).toEqual({
    since: 8_150,
    missed: [
      { symbol: 'A', from: 7_010, to: 8_150 },
      { symbol: 'B', from: 7_000, to: 8_150 },
    ],
  })
  expect(resume.pass(frame(trade('A', 8_150)))).toBe(frame(trade('A', 8_150)))
  // It is told once.
  expect(resume.begin(9_060)).toEqual({ since: 8_150, missed: [] })
})

test('a symbol that is behind alone misses what the others did not', () => {
  const resume = new Resume(['A', 'B'], PAST, known(['A', { t: 8_200, count: 1 }], ['B', { t: 7_000, count: 1 }]))
  expect(resume.begin(9_100)).toEqual({ since: 8_200, missed: [{ symbol: 'B', from: 7_000, to: 8_200 }] })
  // Nothing comes out of the gap that was told.
  expect(resume.pass(frame(trade('B', 8_199)))).toBeNull()
  expect(resume.pass(frame(trade('B', 8_200)))).toBe(frame(trade('B', 8_200)))
})

test('what is no trade passes as it is', () => {
  const resume = new Resume(['A'], PAST)
  resume.begin(NOW)
  for (const text of ['{"type":"ping"}', 'not json']) expect(resume.pass(text)).toBe(text)
})

const PARTITIONS = 3

/** A log in memory, and a way to append trades to it. */
async function openLog(partitions = PARTITIONS) {
  const broker = await openEmbeddedBroker({ path: ':memory:', clock: systemClock, log: silentLog })
  await broker.createTopic({ name: 't', partitions, retentionMs: 1e12 })
  let seq = 0
  const append = (s: string, entries: Entry[], repeats: number[] = []) => {
    const mark = { session: 's', seq: seq++, k: 0, prev: null, received: null, skew: 0, repeats }
    return broker.append('t', [{ key: s, value: encodeValue(entries, 'raw'), headers: encodeHeaders(mark, 'raw') }])
  }
  return { broker, append, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() }
}

test('a log that a first start left after one symbol tells when the market began', async () => {
  await using log = await openLog()
  await log.append('A', [trade('A', 9_105), trade('A', 9_110)])
  const { broker } = log
  const resume = await resumeFromLog({ broker, topic: 't', symbols: ['A', 'B'], now: NOW + 500, past: PAST })
  expect(resume.begin(NOW + 500)).toEqual({ since: 9_105, missed: [] })
  expect(resume.pass(frame(trade('B', 9_106), trade('A', 9_110)))).toBe(frame(trade('B', 9_106)))
})

test('a start that was cut short while a new symbol caught up brings the others once', async () => {
  await using log = await openLog(1)
  for (let t = 1_000; t < 6_000; t += 10) await log.append('A', [trade('A', t)])
  for (let t = 1_000; t < 1_900; t++) await log.append('B', [trade('B', t)])
  const past = { first: 3_000, again: 6_000 }
  const { broker } = log
  const resume = await resumeFromLog({ broker, topic: 't', symbols: ['A', 'B'], now: 7_500, past })
  expect(resume.begin(7_500)).toEqual({ since: 1_899, missed: [] })
  expect(resume.pass(frame(trade('A', 5_990), trade('A', 6_000)))).toBe(frame(trade('A', 6_000)))
})

const ONE = 'BINANCE:BTCUSDT'
const lone =
  ['A', 'B', 'C', 'D', 'E'].find((name) => partitionOf(name, PARTITIONS) === partitionOf(ONE, PARTITIONS)) ?? ''

test('the log tells how far each symbol is, also one whose last trade is far back, beside records nobody can read', async () => {
  await using log = await openLog()
  const { broker, append } = log
  await append(lone, [trade(lone, 1_000), trade(lone, 1_005)])
  await append(lone, [trade(lone, 1_005)])
  for (let n = 0; n < 300; n++) await append(ONE, [trade(ONE, 2_000 + n)])
  await append(ONE, [trade(ONE, 2_299), trade(ONE, 2_299)], [1])
  await broker.append('t', [{ key: ONE, value: Buffer.from('broken'), headers: {} }])
  const resume = await resumeFromLog({
    broker,
    topic: 't',
    symbols: [ONE, lone],
    now: 2_400,
    past: { first: 900, again: 2_000 },
  })
  expect(resume.begin(2_400)).toEqual({ since: 1_005, missed: [] })
  const sent = [trade(lone, 1_005), trade(lone, 1_005), trade(lone, 1_005, 2), trade(ONE, 2_298)]
  const rest = [trade(ONE, 2_299), trade(ONE, 2_299), trade(ONE, 2_299, 2)]
  expect(resume.pass(frame(...sent, ...rest))).toBe(frame(trade(lone, 1_005, 2), trade(ONE, 2_299, 2)))
})
