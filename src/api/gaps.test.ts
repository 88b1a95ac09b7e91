import { describe, expect, test } from 'bun:test'

import type { Rows } from '../stream/store.ts'
import { BTC, candle, type Fixture, gap, latest, openFixture, still, T0, window } from './api.fixture.ts'
import type { Info } from './info.ts'
import { judgeCandles } from './judge.ts'
import type { StoreReader } from './store-reader.ts'

const MINUTE = 60_000
const DAY = 86_400_000
/** Of T0's day. */
const MIDNIGHT = T0 - (T0 % DAY)

const infoOf = (origin: Info['origin']): Info => ({
  version: '1.2.3',
  commit: 'abc',
  origin,
  symbols: [BTC],
  startedAt: T0,
  mode: 'embedded',
})

async function opened(rows: Partial<Rows>, origin: Info['origin'] = 'live') {
  const api = await openFixture({ clock: still(), info: infoOf(origin) })
  await api.put(rows)
  return api
}

type Api = Pick<Fixture<ReturnType<typeof still>>, 'json'>

const listed = async (api: Api, query: string) =>
  (await api.json(`/v1/gaps?${query}`)).body.data.map((row) => [row['from_ts'], row['to_ts'], row['cause']])

describe('/v1/gaps', () => {
  test('gives the gaps that overlap the range, of all symbols or some', async () => {
    const there = [gap(T0, T0 + 9), gap(T0 + MINUTE, T0 + MINUTE + 9, { cause: 'stall' })]
    await using api = await opened({ gaps: [...there, gap(T0, T0 + 9, { symbol: 'X' })] })
    const { body } = await api.json(`/v1/gaps?symbol=${BTC}&from=${T0 + 8}&to=${T0 + MINUTE}`)
    expect(body).toMatchObject({ next_cursor: null, range: { from: T0 + 8, to: T0 + MINUTE } })
    expect(body.data).toEqual([
      { symbol: BTC, from_ts: T0, to_ts: T0 + 9, cause: 'outage', detail: 'socket closed', day: '2026-11-23' },
    ])
    expect(await listed(api, `symbol=${BTC}&from=${T0}&order=desc`)).toEqual([
      [T0 + MINUTE, T0 + MINUTE + 9, 'stall'],
      [T0, T0 + 9, 'outage'],
    ])
    expect((await api.json(`/v1/gaps?from=${T0}`)).body.data.map((row) => row['symbol'])).toEqual([BTC, BTC, 'X'])
    expect((await api.json('/v1/gaps?symbol=BINANCE:BTCUSD')).status).toBe(404)
  })

  test('without a range gives the last seven days by the clock', async () => {
    await using api = await opened({ gaps: [gap(T0 - 8 * DAY, T0 - 8 * DAY + 1), gap(T0 - 6 * DAY, T0 - 6 * DAY + 1)] })
    expect(await listed(api, '')).toEqual([[T0 - 6 * DAY, T0 - 6 * DAY + 1, 'outage']])
  })

  test('joins what was split by days, whatever the range, the order and the size of a page', async () => {
    const long = [-2, -1, 0, 1].map((day) =>
      gap(MIDNIGHT + day * DAY + (day === -2 ? 500 : 0), MIDNIGHT + (day + 1) * DAY - (day === 1 ? 500 : 0), {
        detail: `told on day ${day}`,
      }),
    )
    const others = [
      gap(MIDNIGHT - 9, MIDNIGHT, { cause: 'stall' }),
      gap(MIDNIGHT + 9, MIDNIGHT + 10, { cause: 'stall' }),
    ]
    await using api = await opened({ gaps: [...long, ...others] })
    const whole = [MIDNIGHT - 2 * DAY + 500, MIDNIGHT + 2 * DAY - 500, 'outage']
    const stalls = [
      [MIDNIGHT - 9, MIDNIGHT, 'stall'],
      [MIDNIGHT + 9, MIDNIGHT + 10, 'stall'],
    ]
    for (const limit of [1, 2, 3, 9])
      for (const order of ['asc', 'desc']) {
        const url = `from=${MIDNIGHT - 3 * DAY}&order=${order}&limit=${limit}`
        expect(await paged(api, url)).toEqual(order === 'asc' ? [whole, ...stalls] : [...stalls.toReversed(), whole])
      }
    expect(await listed(api, `from=${MIDNIGHT}&to=${MIDNIGHT + 5}`)).toEqual([whole])
    expect(await listed(api, `from=${MIDNIGHT + 5}&to=${MIDNIGHT + 6}`)).toEqual([whole])
    await api.put({ gaps: [gap(MIDNIGHT + 3 * DAY, MIDNIGHT + 3 * DAY + 1)] })
    expect(await listed(api, `from=${MIDNIGHT + 2 * DAY}`)).toEqual([
      [MIDNIGHT + 3 * DAY, MIDNIGHT + 3 * DAY + 1, 'outage'],
    ])
  })

  test('leaves apart what adjoins within a day, or has another cause', async () => {
    const apart = [
      gap(MIDNIGHT - 9, MIDNIGHT),
      gap(MIDNIGHT, MIDNIGHT + 5, { cause: 'stall' }),
      gap(MIDNIGHT + 5, MIDNIGHT + 9, { cause: 'stall' }),
    ]
    await using api = await opened({ gaps: [...apart, gap(MIDNIGHT, MIDNIGHT + 9, { symbol: 'X' })] })
    expect(await listed(api, `symbol=${BTC}&from=${MIDNIGHT - DAY}`)).toEqual(
      apart.map(({ from_ts, to_ts, cause }) => [from_ts, to_ts, cause]),
    )
  })

  test('comes as csv, ndjson and columns too', async () => {
    await using api = await opened({ gaps: [gap(T0, T0 + 9, { detail: 'closed, "1006"' })] })
    const text = async (format: string) => (await api.app.request(`/v1/gaps?from=${T0}&format=${format}`)).text()
    expect(await text('csv')).toBe(
      `symbol,from_ts,to_ts,cause,detail,day\n${BTC},${T0},${T0 + 9},outage,"closed, ""1006""",2026-11-23\n`,
    )
    expect(JSON.parse(await text('ndjson'))).toMatchObject({ symbol: BTC, to_ts: T0 + 9 })
    expect(JSON.parse(await text('columns'))).toMatchObject({ data: { cause: ['outage'] } })
  })
})

async function paged(api: Api, query: string): Promise<unknown[]> {
  const rows: unknown[] = []
  let cursor: string | null = null
  do {
    const { body } = await api.json(`/v1/gaps?${query}${cursor === null ? '' : `&cursor=${cursor}`}`)
    rows.push(...body.data.map((row) => [row['from_ts'], row['to_ts'], row['cause']]))
    cursor = body.next_cursor
  } while (cursor !== null)
  return rows
}

describe('complete', () => {
  const at = `symbol=${BTC}&from=${T0 - DAY}`
  const states = async (api: Api, path = 'candles') =>
    (await api.json(`/v1/${path}?${at}`)).body.data.map((row) => row['complete'])
  const idle = { closed_by: 'idle' } as const
  const open = { closed_by: 'open', final: false } as const

  test('a gap makes partial what overlaps it, and nothing else', async () => {
    const minutes = [0, 1, 2, 3].map((minute) => candle(T0 + minute * MINUTE))
    const gaps = [gap(T0 + MINUTE, T0 + 2 * MINUTE), gap(T0 + MINUTE + 1, T0 + MINUTE + 2, { cause: 'stall' })]
    await using api = await opened({ candles: minutes, gaps: [...gaps, gap(T0, T0 + DAY, { symbol: 'X' })] })
    expect(await states(api)).toEqual(['complete', 'partial', 'complete', 'complete'])
  })

  test('of windows too, in all of their 15 seconds', async () => {
    const windows = [0, 5, 10, 15, 20].map((second) => window(T0 + second * 1000))
    await using api = await opened({ windows, gaps: [gap(T0 - 1, T0 + 1)] })
    expect(await states(api, 'windows')).toEqual(['partial', 'partial', 'partial', 'partial', 'complete'])
  })

  test('a long gap hides no short one behind it', async () => {
    const candles = [0, 1, 2, 3, 4].map((minute) => candle(T0 + minute * MINUTE))
    const gaps = [
      gap(T0, T0 + 3 * MINUTE),
      gap(T0 + 1, T0 + 2, { cause: 'stall' }),
      gap(T0 + 4 * MINUTE, T0 + 4 * MINUTE + 1),
    ]
    await using api = await opened({ candles, gaps })
    expect(await states(api)).toEqual(['partial', 'partial', 'partial', 'complete', 'partial'])
  })

  test('what the clock closed is complete once a later trade proves it', async () => {
    await using api = await opened({ candles: [candle(T0, idle)], latest: [latest(T0 + MINUTE - 1)] })
    expect(await states(api)).toEqual(['unknown'])
    await api.put({ latest: [latest(T0 + MINUTE)] })
    expect(await states(api)).toEqual(['complete'])
  })

  test('a gap that is told after a candle was closed still makes it partial', async () => {
    await using api = await opened({ candles: [candle(T0)], windows: [window(T0 + 15_000)] })
    expect([await states(api), await states(api, 'windows')]).toEqual([['complete'], ['complete']])
    await api.put({ gaps: [gap(T0 + 1, T0 + 2)] })
    expect([await states(api), await states(api, 'windows')]).toEqual([['partial'], ['partial']])
  })

  test('half open like everything: what only touches a window leaves it whole', async () => {
    const touching = [gap(T0 - 15_000, T0), gap(T0 + 15_000, T0 + 30_000)]
    await using api = await opened({ windows: [window(T0 + 15_000)], gaps: touching })
    expect(await states(api, 'windows')).toEqual(['complete'])
    await api.put({ gaps: [gap(T0 + 14_999, T0 + 15_000, { cause: 'stall' })] })
    expect(await states(api, 'windows')).toEqual(['partial'])
  })

  test('what proves a candle is read before the gaps that it proves away', async () => {
    const rows = { gaps: [] as unknown[], latest: [latest(T0)] }
    const store: StoreReader = {
      symbols: async () => [BTC],
      async *read(table) {
        // A gap and the trade behind it come between the first reading and the second.
        if (table !== 'gaps' && table !== 'latest') return
        const page = table === 'gaps' ? rows.gaps : rows.latest
        rows.gaps = [gap(T0, T0 + 1)]
        rows.latest = [latest(T0 + DAY)]
        yield page as never
      },
    }
    const idleCandle = candle(T0, idle)
    const [first] = await judgeCandles({ store, info: infoOf('live') }, [idleCandle], '1m')
    expect(first?.complete).not.toBe('complete')
  })

  test('what is open is unknown, or partial already', async () => {
    const candles = [candle(T0, open), candle(T0 + MINUTE, open), candle(T0 + 2 * MINUTE, idle)]
    await using api = await opened({ candles, latest: [latest(T0 + 9 * MINUTE)], gaps: [gap(T0, T0 + 1)] })
    expect(await states(api)).toEqual(['partial', 'unknown', 'complete'])
  })

  test('a candle that only stands in for none needs a later trade', async () => {
    const query = `/v1/candles?symbol=${BTC}&from=${T0}&to=${T0 + 3 * MINUTE}&fill=carry`
    await using api = await opened({ candles: [candle(T0), candle(T0 + 2 * MINUTE)], latest: [latest(T0 + MINUTE)] })
    const carried = async () => (await api.json(query)).body.data.map((row) => row['complete'])
    expect(await carried()).toEqual(['complete', 'unknown', 'complete'])
    await api.put({ latest: [latest(T0 + 2 * MINUTE)] })
    expect(await carried()).toEqual(['complete', 'complete', 'complete'])
  })

  test.each(['replay', null] as const)('with the origin %p nobody knows, but a gap is a gap', async (origin) => {
    const candles = [candle(T0), candle(T0 + MINUTE, idle), candle(T0 + 2 * MINUTE)]
    const rows = { candles, latest: [latest(T0 + DAY)], gaps: [gap(T0, T0 + 1)] }
    await using api = await opened(rows, origin)
    expect(await states(api)).toEqual(['partial', 'unknown', 'unknown'])
  })
})
