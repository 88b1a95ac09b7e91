import { describe, expect, test } from 'bun:test'

import { BTC, candle, gap } from '../api.fixture.ts'
import type { GapRow } from '../../trade.ts'
import { describeGap } from './gap-list.ts'
import { bandsOf, Gaps, gapsIn } from './gaps.ts'

const MINUTE = 60_000
const T0 = Date.UTC(2026, 10, 24, 12)
const at = (minutes: number) => T0 + minutes * MINUTE
const between = (from: number, to: number, more: Partial<GapRow> = {}) => gap(at(from), at(to), more)
const bars = (...minutes: number[]) => minutes.map((minute) => candle(at(minute)))

describe('what is shaded', () => {
  const bands = (gaps: readonly GapRow[], ...minutes: number[]) =>
    bandsOf(gaps, bars(...minutes), MINUTE).map(({ from, to }) => [from, to])

  test('is every bar that a gap overlaps, and no neighbour that it only touches', () => {
    expect(bands([between(1, 3)], 0, 1, 2, 3)).toEqual([[1, 3]])
    expect(bands([gap(at(1) - 1, at(3) + 1)], 0, 1, 2, 3, 4)).toEqual([[0, 4]])
    expect(bands([gap(at(1) + 20, at(1) + 30)], 0, 1, 2)).toEqual([[1, 2]])
  })

  test('is the place between two bars where a gap has none, and behind the newest', () => {
    expect(bands([between(1, 5)], 0, 5)).toEqual([[1, 1]])
    expect(bands([between(6, 7)], 0, 5)).toEqual([[2, 2]])
  })

  test('is once what several gaps overlap', () => {
    expect(bands([between(1, 4), between(1, 2, { cause: 'stall' }), between(3.5, 5)], 0, 1, 2, 3, 4, 5)).toEqual([
      [1, 5],
    ])
    expect(bands([between(0.2, 0.3), between(2, 3)], 0, 1, 2)).toEqual([
      [0, 1],
      [2, 3],
    ])
  })

  test('is nothing before the oldest bar, and without bars', () => {
    expect(bands([between(0, 1)], 1, 2)).toEqual([])
    expect(bands([between(0, 9)])).toEqual([])
    expect(bands([between(0, 1.5)], 1, 2)).toEqual([[0, 1]])
  })
})

test('a gap that ends where a range begins, or begins where it ends, is not in it', () => {
  const gaps = [between(0, 1), between(1, 2), between(2, 3)]
  expect(gapsIn(gaps, { from: at(1), to: at(2) })).toEqual(gaps.slice(1, 2))
})

test('a gap is told with its cause, both ends and why', () => {
  expect(describeGap(between(0.5, 10))).toBe('outage 2026-11-24 12:00:30 – 12:10:00, 9 min 30 s: socket closed')
  expect(describeGap(between(0, 2 * 1440 + 60, { cause: 'restart', detail: '' }))).toBe(
    'restart 2026-11-24 12:00:00 – 2026-11-26 13:00:00, 2 d 1 h: stockpipe was not running',
  )
  expect(describeGap(gap(T0, T0 + 250, { cause: 'flood', detail: '' }))).toBe(
    'flood 2026-11-24 12:00:00 – 12:00:00, 250 ms',
  )
})

describe('gaps that are asked for again and again', () => {
  function server() {
    const held: GapRow[] = []
    const paths: string[] = []
    const waiting: (() => void)[] = []
    const client = {
      async get<Body>(path: string): Promise<Body | null> {
        paths.push(path)
        const answer = { data: held.toReversed(), next_cursor: null } as Body
        if (waits.on) await new Promise<void>((resolve) => waiting.push(resolve))
        return waits.isDown ? null : answer
      },
    }
    const waits = { on: false, isDown: false }
    const gaps = new Gaps(client)
    gaps.show(BTC)
    return { held, paths, waiting, waits, gaps }
  }

  test('are news only when they come after the first reading, and only once as they grow', async () => {
    const { held, gaps } = server()
    held.push(between(0, 1))
    expect(await gaps.load(T0)).toEqual([])
    expect(gaps.rows).toEqual([between(0, 1)])
    held.push(between(2, 3))
    expect(await gaps.load(T0)).toEqual([between(2, 3)])
    held[1] = between(2, 4)
    expect(await gaps.load(T0)).toEqual([])
    expect(gaps.rows).toEqual([between(0, 1), between(2, 4)])
  })

  test('are no news where only more of the past was asked for', async () => {
    const { held, gaps } = server()
    expect(await gaps.load(T0)).toEqual([])
    held.push(between(-9, -8))
    expect(await gaps.load(T0 - 10 * MINUTE)).toEqual([])
    expect(gaps.rows).toEqual([between(-9, -8)])
  })

  test('are the same array as long as nothing changed, also where the server does not answer', async () => {
    const { held, gaps, waits } = server()
    held.push(between(0, 1))
    await gaps.load(T0)
    const { rows } = gaps
    await gaps.load(T0)
    waits.isDown = true
    await gaps.load(T0)
    expect(gaps.rows).toBe(rows)
  })

  test('of a symbol that was left are for nobody', async () => {
    const { held, gaps, waits, waiting } = server()
    held.push(between(0, 1))
    waits.on = true
    const first = gaps.load(T0)
    gaps.show('OTHER')
    waiting.shift()?.()
    await first
    expect(gaps.rows).toEqual([])
  })

  test('are read page by page, the newest first, up to a bound', async () => {
    const paths: string[] = []
    const gaps = new Gaps({
      async get<Body>(path: string): Promise<Body | null> {
        paths.push(path)
        return { data: [between(-paths.length, 1 - paths.length)], next_cursor: `c${paths.length}` } as Body
      },
    })
    gaps.show(BTC)
    await gaps.load(T0)
    const query = `symbol=BINANCE%3ABTCUSDT&from=${T0}&order=desc&limit=1000`
    expect(paths).toEqual([query, `${query}&cursor=c1`, `${query}&cursor=c2`].map((query) => `/v1/gaps?${query}`))
    expect(gaps.rows.map(({ from_ts }) => from_ts)).toEqual([at(-3), at(-2), at(-1)])
  })
})
