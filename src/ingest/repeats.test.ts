import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'

import { fixture } from '../../test/fixture.ts'
import { markWhole, type OracleFrame } from '../../test/repeats-oracle.ts'
import type { Entry } from '../trade.ts'
import { parseFrame } from './frame.ts'
import { RepeatMarker } from './repeats.ts'

interface TestFrame extends OracleFrame {
  name: number
}

const lines = async (name: string): Promise<OracleFrame[]> =>
  (await Bun.file(fixture(name)).text())
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const { received, frame } = JSON.parse(line) as { received: number | null; frame: string }
      const parsed = parseFrame(frame)
      return { conn: 0, received, entries: parsed.kind === 'trade' ? parsed.entries : [] }
    })

/** Every frame again after `apart` ms, `copies` times in all, on connection `conn`. */
const delivered = (
  frames: readonly OracleFrame[],
  { copies, apart, conn }: { copies: number; apart: number; conn: number },
): OracleFrame[] =>
  frames
    .flatMap((frame) =>
      Array.from({ length: copies }, (_, copy) => ({
        ...frame,
        conn,
        received: frame.received === null ? null : frame.received + copy * apart,
      })),
    )
    .sort((a, b) => (a.received ?? 0) - (b.received ?? 0))

function mark(frames: readonly OracleFrame[]) {
  const guesses: string[] = []
  const changes: string[] = []
  const marker = new RepeatMarker<TestFrame>({
    mode: 'auto',
    onGuess: (symbol, copies) => guesses.push(`${symbol} ${copies}`),
    onChange: (symbol, from, to) => changes.push(`${symbol} ${from} ${to}`),
  })
  const out = frames.flatMap((frame, name) => marker.push({ ...frame, name }))
  out.push(...marker.end())
  expect(out.map(({ frame }) => frame.name)).toEqual(frames.map((_, name) => name))
  const kept = out.reduce((sum, { frame, repeats }) => sum + frame.entries.length - (repeats?.length ?? 0), 0)
  return { kept, guesses, changes, marks: out.map(({ repeats }) => repeats ?? []) }
}

test('the recorded session that delivers twice keeps its 27 prints, real twins included', async () => {
  const frames = await lines('finnhub-session.ndjson')
  const { trades } = (await Bun.file(fixture('finnhub-session.expected.json')).json()) as { trades: { at: string }[] }
  const { marks, kept } = mark(frames)
  const at = frames.flatMap(({ entries }, frame) =>
    entries.flatMap((_, index) => (marks[frame]?.includes(index) ? [] : [`${frame}:${index}`])),
  )
  expect(kept).toBe(27)
  expect(at).toEqual(trades.map((trade) => trade.at))
})

describe.each([1, 2, 3])('2001 real trades with 12 real twins, delivered %d times', (copies) => {
  test.each([0, 40, 97])('%d ms apart, keep all of them', async (apart) => {
    expect(mark(delivered(await lines('btcusdt-trades.ndjson'), { copies, apart, conn: 0 })).kept).toBe(2001)
  })
})

test.each([
  [2, 1],
  [1, 2],
  [3, 2],
])('a connection that delivers %d times followed by one that delivers %d times', async (first, second) => {
  const frames = await lines('btcusdt-trades.ndjson')
  const half = Math.floor(frames.length / 2)
  const both = [
    ...delivered(frames.slice(0, half), { copies: first, apart: 40, conn: 0 }),
    ...delivered(frames.slice(half), { copies: second, apart: 40, conn: 1 }),
  ]
  expect(mark(both)).toMatchObject({ kept: 2001, changes: [] })
})

test('two connections whose frames are mixed in one recording are told apart', async () => {
  const frames = await lines('btcusdt-trades.ndjson')
  const other = frames.map((frame) => ({ ...frame, entries: frame.entries.map((entry) => ({ ...entry, s: 'OTHER' })) }))
  const mixed = [
    ...delivered(frames, { copies: 2, apart: 40, conn: 0 }),
    ...delivered(other, { copies: 1, apart: 0, conn: 1 }),
  ]
  const { kept } = mark(mixed.sort((a, b) => (a.received ?? 0) - (b.received ?? 0)))
  expect(kept).toBe(4002)
})

const entry = (t: number, p = 1, s = 'A'): Entry => ({ c: null, p, s, t, v: 1 })
const frame = (received: number | null, ...entries: Entry[]): OracleFrame => ({ conn: 0, received, entries })

test('a lone pair on a silent connection is a guess, and counted as one', () => {
  expect(mark([frame(0, entry(1)), frame(40, entry(1))])).toMatchObject({ kept: 1, guesses: ['A 2'] })
})

test('what cannot be decided is held for ten seconds of receipts, not longer', () => {
  const marker = new RepeatMarker({ mode: 'auto' })
  expect(marker.push(frame(0, entry(1))).length).toBe(1)
  expect(marker.push(frame(40, entry(1))).length).toBe(0)
  expect(marker.push(frame(50, entry(2))).length).toBe(0)
  expect(marker.tick(10_039).length).toBe(0)
  expect(marker.tick(10_040).length).toBe(2)
})

test('a lone pair on a live connection that fell silent is taken for a copy', () => {
  const marker = new RepeatMarker({ mode: 'auto' })
  marker.push(frame(0, entry(1)))
  marker.push(frame(40, entry(1)))
  expect(marker.tick(10_040).map(({ repeats }) => repeats)).toEqual([[0]])
})

test('a frame without trades is no connection: what is held waits on', () => {
  const marker = new RepeatMarker({ mode: 'auto' })
  marker.push(frame(0, entry(1), entry(1)))
  expect(marker.push({ conn: 9, received: 10, entries: [] })).toEqual([])
  expect(marker.push(frame(400, entry(2)))).toEqual([])
  expect(marker.push(frame(800, entry(3)))).toEqual([])
  expect(marker.push(frame(1_200, entry(4)))).toEqual([])
  expect(marker.push(frame(1_600, entry(5))).map(({ repeats }) => repeats)).toEqual(Array(6).fill(null))
})

test('without receipts it is held to the end of the connection', () => {
  const marker = new RepeatMarker({ mode: 'auto' })
  marker.push(frame(null, entry(1)))
  expect(marker.push(frame(null, entry(1))).length).toBe(0)
  expect(marker.tick(1e15).length).toBe(0)
  expect(marker.close(0).length).toBe(1)
})

test('a connection that changes its ways is learned anew, with an alarm', () => {
  const once = Array.from({ length: 20 }, (_, index) => frame(index * 1_000, entry(index)))
  const twice = Array.from({ length: 60 }, (_, index) =>
    frame(20_000 + index * 1_000, entry(20 + index), entry(20 + index)),
  )
  expect(mark([...once, ...twice]).changes).toEqual(['A 1 2'])
})

test('collapse takes every equal trade for a repeat, keep none', () => {
  const frames = [frame(0, entry(1), entry(1)), frame(1, entry(1), entry(2))]
  const kept = (mode: 'collapse' | 'keep') => {
    const marker = new RepeatMarker({ mode })
    return frames.flatMap((one) => marker.push(one)).map(({ repeats }) => repeats ?? [])
  }
  expect(kept('collapse')).toEqual([[1], [0]])
  expect(kept('keep')).toEqual([[], []])
})

test('conditions tell prints apart', () => {
  const frames = [frame(0, { ...entry(1), c: ['1'] }, { ...entry(1), c: ['1', '8'] }, entry(1))]
  expect(mark(frames).kept).toBe(3)
})

test('equals a recomputation of the whole past, on any stream of one connection', () => {
  const print = fc.record({
    gap: fc.integer({ min: 0, max: 400 }),
    p: fc.integer({ min: 1, max: 2 }),
    s: fc.constantFrom('A', 'B', 'C'),
  })
  const stream = fc.record({
    prints: fc.array(print, { minLength: 1, maxLength: 30 }),
    copies: fc.record({
      A: fc.integer({ min: 1, max: 3 }),
      B: fc.integer({ min: 1, max: 3 }),
      C: fc.constantFrom(1, 2),
    }),
    apart: fc.integer({ min: 0, max: 350 }),
    hasReceipts: fc.boolean(),
    isGrouped: fc.boolean(),
  })
  fc.assert(
    fc.property(stream, ({ prints, copies, apart, hasReceipts, isGrouped }) => {
      let now = 1_000
      const arrivals = prints.flatMap(({ gap, p, s }) => {
        now += gap
        const t = now
        return Array.from({ length: copies[s as 'A'] }, (_, copy) => ({ at: t + copy * apart, entry: entry(t, p, s) }))
      })
      const ordered = arrivals.sort((a, b) => a.at - b.at)
      const frames: OracleFrame[] = []
      for (const { at, entry } of ordered) {
        const last = frames.at(-1)
        if (isGrouped && last !== undefined && last.entries.length < 3)
          frames[frames.length - 1] = { ...last, entries: [...last.entries, entry] }
        else frames.push(frame(hasReceipts ? at : null, entry))
      }
      expect(mark(frames).marks).toEqual(markWhole(frames, null))
    }),
    { numRuns: 150 },
  )
})
