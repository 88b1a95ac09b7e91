import { expect, test } from 'bun:test'

import type { FeedEvent, GapCause } from './feed.ts'
import { GapLedger } from './gap-ledger.ts'

const frame = (received: number): FeedEvent => ({
  kind: 'frame',
  conn: 0,
  session: 's',
  seq: received,
  received,
  text: '',
  known: false,
})
const open = (at: number): FeedEvent => ({ kind: 'open', conn: 0, at, skew: null })
const close = (at: number, cause: GapCause | null): FeedEvent => ({ kind: 'close', conn: 0, at, reason: 'gone', cause })
const tick = (at: number): FeedEvent => ({ kind: 'tick', at })
const lost = (from: number, to: number): FeedEvent => ({ kind: 'lost', from, to, frames: 3 })
const refused = (at: number): FeedEvent => ({ kind: 'refused', at, symbols: ['B'], reason: 'too many' })

function ledgerOf(isSentAgain = false) {
  const ledger = new GapLedger({ symbols: ['A', 'B'], isSentAgain })
  const told = (...events: FeedEvent[]) => ledger.take(events).map(({ cause, from, to }) => [cause, from, to])
  return { ledger, told }
}

test('a feed that goes on has no gaps', () => {
  const { told } = ledgerOf()
  expect(told(open(0), frame(10), tick(50_000), frame(90_000), close(90_001, null))).toEqual([])
})

test.each(['outage', 'stall', 'eviction'] as const)('%s: from the last frame to the first one after it', (cause) => {
  const { ledger, told } = ledgerOf()
  expect(told(open(0), frame(10), frame(20), tick(25), close(30, cause), tick(200), open(300))).toEqual([])
  expect(ledger.take([frame(400), frame(500)])).toEqual([
    { cause, from: 20, to: 400, detail: 'gone', symbols: ['A', 'B'], more: 380, isOver: true },
  ])
  expect(told(tick(90_000))).toEqual([])
})

test('a connection that only pinged: from its last trade on', () => {
  const { told } = ledgerOf()
  told(open(0), frame(10), frame(20), frame(30))
  expect(told({ kind: 'close', conn: 0, at: 40, reason: 'no trade', cause: 'stall', from: 20 }, open(50))).toEqual([])
  expect(told(frame(60))).toEqual([['stall', 20, 60]])
})

test('a gap that lasts is told every 10 s, with the same beginning, and at the end of the process', () => {
  const { ledger, told } = ledgerOf()
  told(open(0), frame(1_000), close(2_000, 'outage'))
  const ticks = Array.from({ length: 250 }, (_, n) => tick(2_000 + n * 100))
  expect(told(...ticks)).toEqual([
    ['outage', 1_000, 11_000],
    ['outage', 1_000, 21_000],
  ])
  expect(ledger.end(28_000).map(({ from, to, more }) => [from, to, more])).toEqual([[1_000, 28_000, 7_000]])
})

test('a connection that brought nothing prolongs the gap; another cause begins where that is known', () => {
  const { told } = ledgerOf()
  told(open(0), frame(10), close(20, 'outage'))
  expect(told(open(30), close(40, 'outage'), open(50))).toEqual([])
  expect(told(close(60, 'eviction'), tick(70), open(80), frame(90))).toEqual([
    ['outage', 10, 60],
    ['eviction', 60, 90],
  ])
})

test('overflow: from the last frame that was kept to the next one that is', () => {
  const { told } = ledgerOf()
  expect(told(open(0), frame(10), frame(20), lost(30, 60))).toEqual([])
  expect(told(frame(70))).toEqual([['overflow', 20, 70]])
})

test('an overflow in which the connection ends is followed by the outage', () => {
  const { told } = ledgerOf()
  expect(told(open(0), frame(20), lost(30, 60), close(65, 'outage'), open(80), frame(90))).toEqual([
    ['overflow', 20, 65],
    ['outage', 65, 90],
  ])
})

test('restart: from what the former process saw last to the first frame of this one', () => {
  const { ledger, told } = ledgerOf()
  ledger.restarted(1_000)
  expect(told(open(5_000), tick(6_000))).toEqual([])
  expect(told(tick(11_500), frame(12_000), frame(13_000))).toEqual([
    ['restart', 1_000, 11_500],
    ['restart', 1_000, 12_000],
  ])
})

test('frames that were kept and then lost: from the last one that was not to the next one', () => {
  const { ledger, told } = ledgerOf()
  ledger.restarted(5_000)
  ledger.lost('overflow', 3_000, 'damaged')
  expect(told(open(9_000), frame(9_500))).toEqual([['overflow', 3_000, 9_500]])
})

test('refused: only the symbols named, as long as the connection holds', () => {
  const { ledger, told } = ledgerOf()
  expect(told(open(1_000), frame(1_500), refused(2_000), frame(3_000))).toEqual([])
  expect(ledger.take([tick(11_000)])).toEqual([
    { cause: 'refused', from: 1_000, to: 11_000, detail: 'too many', symbols: ['B'], more: 10_000, isOver: false },
  ])
  expect(told(frame(14_000), close(15_000, 'outage'), open(16_000), frame(17_000), tick(40_000))).toEqual([
    ['refused', 1_000, 15_000],
    ['outage', 14_000, 17_000],
  ])
})

test('what a feed sends again is no gap, what did not fit is', () => {
  const { ledger, told } = ledgerOf(true)
  ledger.restarted(1)
  expect(told(open(5), frame(10), close(20, 'outage'), tick(20_000), open(20_001), frame(20_002))).toEqual([])
  expect(told(lost(20_003, 20_004), frame(20_005))).toEqual([['overflow', 20_002, 20_005]])
})

test('what a feed says it does not send again is a gap that is over, and leaves another one as it was', () => {
  const { ledger, told } = ledgerOf(true)
  const range = (symbol: string, from: number) => ({ symbol, from, to: 400 })
  const ranges = [range('A', 30), range('B', 10)]
  const missed: FeedEvent = { kind: 'missed', ranges, cause: 'restart', reason: 'long ago' }
  const gap = { cause: 'restart' as const, to: 400, detail: 'long ago', isOver: true }
  // The seconds count once.
  expect(ledger.take([missed, open(900)])).toEqual([
    { ...gap, symbols: ['A'], from: 30, more: 390 },
    { ...gap, symbols: ['B'], from: 10, more: 0 },
  ])
  expect(told(frame(910), lost(920, 930), missed, frame(940))).toEqual([
    ['restart', 30, 400],
    ['restart', 10, 400],
    ['overflow', 910, 940],
  ])
})

test('a clock that is set back makes no gap that ends before it begins', () => {
  const { told } = ledgerOf()
  expect(told(open(0), frame(5_000), close(5_001, 'outage'), open(10), frame(20))).toEqual([])
})
