import { describe, expect, test } from 'bun:test'
import * as v from 'valibot'

import { batch, BTC, candle, entry, type Fixture, late, latest, openFixture, still, T0, window } from './api.fixture.ts'
import type { ManualClock } from '../clock.ts'
import { statusSchema } from './status-schema.ts'

const MINUTE = 60_000
const at = `symbol=${BTC}`

/** Every page of a list, followed by its cursors. */
async function pages(api: Fixture<ManualClock>, url: string) {
  const rows: Readonly<Record<string, unknown>>[] = []
  let cursor = ''
  for (let page = 0; page < 1000; page++) {
    const { status, body } = await api.json(`${url}${cursor}`)
    expect(status).toBe(200)
    rows.push(...body.data)
    if (body.next_cursor === null) return rows
    cursor = `&cursor=${body.next_cursor}`
  }
  throw new Error('the pages have no end')
}

describe('trades', () => {
  const trades = [batch(1, [entry(T0), entry(T0), entry(T0 + 5)]), batch(2, [entry(T0), entry(T0 + 9)])]

  for (const order of ['asc', 'desc'])
    test(`pages of any size give every trade once, in order (${order})`, async () => {
      await using api = await openFixture({ clock: still() })
      await api.put({ trades: [...trades, batch(3, [entry(T0 + 1)], { symbol: 'A B' })] })
      const url = `/v1/trades?symbols=A%20B,${BTC}&order=${order}`
      const whole = (await api.json(url)).body.data
      const positions = [
        ['A B', 3, 0],
        [BTC, 1, 0],
        [BTC, 1, 1],
        [BTC, 2, 0],
        [BTC, 1, 2],
        [BTC, 2, 1],
      ]
      expect(whole.map((row) => [row['symbol'], row['log_offset'], row['log_index']])).toEqual(
        order === 'asc' ? positions : positions.reverse(),
      )
      for (const limit of [1, 2, 4, 6]) expect(await pages(api, `${url}&limit=${limit}`)).toEqual([...whole])
    })

  test('no range means the last 15 minutes up to the newest trade, however old that is, on every page', async () => {
    await using api = await openFixture({ clock: still() })
    const old = T0 - 365 * 1440 * MINUTE
    const times = [old, old + MINUTE, old + 15 * MINUTE, old + 15 * MINUTE + 1]
    await api.put({
      trades: [
        batch(
          1,
          times.map((t) => entry(t)),
        ),
      ],
    })
    const url = `/v1/trades?${at}&limit=1`
    const first = await api.json(url)
    expect(first.body.range).toEqual({ from: old + 2, to: old + 15 * MINUTE + 2 })
    await api.put({ trades: [batch(2, [entry(T0)])] })
    const second = await api.json(`${url}&cursor=${first.body.next_cursor}`)
    expect([first, second].map(({ body }) => body.data[0]?.['trade_ts'])).toEqual([old + MINUTE, old + 15 * MINUTE])
  })

  test('a range holds its first moment and not its last, as ms or RFC 3339, under both names', async () => {
    await using api = await openFixture({ clock: still() })
    await api.put({ trades: [batch(1, [entry(T0 - 1), entry(T0), entry(T0 + 999), entry(T0 + 1000)])] })
    for (const range of [
      `from=${T0}&to=${T0 + 1000}`,
      'start=2026-11-23T14:30:00Z&end=2026-11-23T14:30:01Z',
      'from=2026-11-23T15:30:00+01:00&to=2026-11-23T15:30:01%2B01:00',
    ]) {
      const { body } = await api.json(`/v1/trades?${at}&${range}`)
      expect(body.data.map((row) => row['trade_ts'])).toEqual([T0, T0 + 999])
    }
  })

  test('a cursor of another query is refused', async () => {
    await using api = await openFixture({ clock: still() })
    await api.put({ trades })
    const { body } = await api.json(`/v1/trades?${at}&limit=1`)
    const cursor = `cursor=${body.next_cursor}`
    for (const url of [
      `/v1/trades?${at}&order=desc&${cursor}`,
      `/v1/late?${at}&${cursor}`,
      `/v1/trades?${at}&cursor=WzFd`,
    ]) {
      const refused = await api.json(url)
      expect([refused.status, refused.body.errors[0]?.parameter]).toEqual([400, 'cursor'])
    }
    expect((await api.json(`/v1/trades?${at}&limit=2&${cursor}`)).status).toBe(200)
  })

  test('an empty answer about a symbol nobody follows is 404 and names the nearest', async () => {
    await using api = await openFixture({ clock: still() })
    const unknown = await api.json('/v1/trades?symbol=BINANCE:BTCUST')
    expect(unknown.status).toBe(404)
    expect(unknown.body.detail).toContain(BTC)
    const silent = await api.json(`/v1/trades?${at}`)
    expect([silent.status, silent.body.data, silent.body.range]).toEqual([200, [], { from: 0, to: null }])
  })
})

describe('formats', () => {
  test('csv is a plain table, quoted where needed, with the next page in the headers', async () => {
    await using api = await openFixture({ clock: still() })
    await api.put({ trades: [batch(1, [entry(T0, { c: ['1', 'a"b'] }), entry(T0 + 1)])] })
    const response = await api.app.request(`/v1/trades?${at}&format=csv&limit=1&time_format=rfc3339`)
    const lines = (await response.text()).split('\n')
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(lines[0]).toStartWith('symbol,trade_ts,price,volume,conditions,flags,received_ts')
    expect(lines[1]).toStartWith(`${BTC},2026-11-23T14:30:00.000Z,100,1,"1,a""b",,,`)
    expect(lines.slice(2)).toEqual([''])
    const next = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1] ?? ''
    expect(next).toContain(response.headers.get('x-next-cursor') ?? 'no cursor')
    expect(await (await api.app.request(next)).text()).toContain('14:30:00.001Z')
  })

  test('columns and ndjson hold the same values as rows', async () => {
    await using api = await openFixture({ clock: still() })
    await api.put({ windows: [window(T0), window(T0 + 5000, { n: 9 })] })
    const url = `/v1/windows?${at}`
    const rows = (await api.json(url)).body.data
    const ndjson = await (await api.app.request(`${url}&format=ndjson`)).text()
    expect(
      ndjson
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([...rows])
    const columns: object = (await api.json(`${url}&format=columns`)).body.data
    expect(Object.keys(columns).sort()).toEqual(Object.keys(rows[0] ?? {}).sort())
    expect(columns).toMatchObject({ window_end_ts: [T0, T0 + 5000], n: [5, 9], complete: ['unknown', 'unknown'] })
  })
})

describe('candles and windows', () => {
  test('late counts the trades that missed this very candle or window', async () => {
    await using api = await openFixture({ clock: still() })
    await api.put({
      candles: [candle(T0), candle(T0 + MINUTE), candle(T0, { interval: '1s' })],
      windows: [window(T0 + 5000), window(T0 + 10_000)],
      late: [
        late(T0 + 1, `15s@${T0 + 5000},15s@${T0 + 10_000},1s,1m`),
        late(T0 + 2, `15s@${T0 + 5000},1s`, 2),
        late(T0 + MINUTE - 1, '1m', 3),
      ],
    })
    const lates = async (url: string) => (await api.json(url)).body.data.map((row) => [row['late'], row['complete']])
    expect(await lates(`/v1/candles?${at}`)).toEqual([
      [2, 'unknown'],
      [0, 'unknown'],
    ])
    expect(await lates(`/v1/candles?${at}&interval=1s`)).toEqual([[2, 'unknown']])
    expect(await lates(`/v1/windows?${at}`)).toEqual([
      [2, 'unknown'],
      [1, 'unknown'],
    ])
    expect((await api.json('/v1/late')).body.data.length).toBe(3)
  })

  test('fill=carry has no holes and looks the same in pages of any size', async () => {
    await using api = await openFixture({ clock: still() })
    const minutes = [-3, 2, 3, 6, 11]
    await api.put({ candles: minutes.map((minute) => candle(T0 + minute * MINUTE, { close: 50 + minute })) })
    const url = `/v1/candles?${at}&from=${T0}&to=${T0 + 9 * MINUTE}&fill=carry`
    const whole = (await api.json(url)).body.data
    expect(whole.map((row) => [(Number(row['open_ts']) - T0) / MINUTE, row['close'], row['n']])).toEqual([
      [0, 47, 0],
      [1, 47, 0],
      [2, 52, 5],
      [3, 53, 5],
      [4, 53, 0],
      [5, 53, 0],
      [6, 56, 5],
      [7, 56, 0],
      [8, 56, 0],
    ])
    for (const limit of [1, 2, 3, 5, 9]) expect(await pages(api, `${url}&limit=${limit}`)).toEqual([...whole])
  })

  test('fill=carry does not run ahead of the newest candle', async () => {
    await using api = await openFixture({ clock: still() })
    await api.put({ candles: [candle(T0), candle(T0 + 2 * MINUTE)] })
    const { body } = await api.json(`/v1/candles?${at}&from=${T0 - MINUTE}&to=${T0 + 60 * MINUTE}&fill=carry`)
    expect(body.data.map((row) => row['open_ts'])).toEqual([T0, T0 + MINUTE, T0 + 2 * MINUTE])
    const refused = await api.json(`/v1/candles?symbols=A,B&fill=carry`)
    expect([refused.status, refused.body.errors[0]?.parameter]).toEqual([400, 'fill'])
  })

  test('an update is visible in the very next answer, though answers are kept', async () => {
    await using api = await openFixture({ clock: still() })
    const n = async () => (await api.json(`/v1/candles?${at}`)).body.data.map((row) => row['n'])
    await api.put({ candles: [candle(T0, { n: 1 })] })
    expect(await n()).toEqual([1])
    await api.put({ candles: [candle(T0, { n: 2 })] })
    expect(await n()).toEqual([2])
  })
})

describe('the small lists', () => {
  test('latest and symbols tell price and time of each, and who is only followed', async () => {
    await using api = await openFixture({ clock: still() })
    await api.put({ latest: [latest(T0, { symbol: 'X', price: 5 })] })
    const all = await api.json('/v1/latest')
    expect(all.body.data).toEqual([expect.objectContaining({ symbol: 'X', price: 5, trade_ts: T0 })])
    expect(all.body.data[0]).not.toHaveProperty('stamp')
    expect((await api.json('/v1/symbols')).body.data).toEqual([
      { symbol: BTC, subscribed: true, last_trade_ts: null, price: null },
      { symbol: 'X', subscribed: false, last_trade_ts: T0, price: 5 },
    ])
  })

  test('stats are those of the process', async () => {
    await using api = await openFixture({ clock: still() })
    api.stats.stored(7)
    api.stats.latency.add('broker_store', 3, 0)
    const data: unknown = (await api.json('/v1/stats')).body.data
    const said = v.parse(v.strictObject({ now: v.number(), ...statusSchema.entries }), data)
    expect(said).toMatchObject({ trades_stored: 7, latency: { hops: { broker_store: { p50_ms: 3, note: null } } } })
    expect(said.latency.hops.store_serve).toMatchObject({ p50_ms: null, samples: 0, note: expect.any(String) })
  })
})

describe('refusals', () => {
  test('all parameters that are wrong are named at once, unknown ones with the nearest', async () => {
    await using api = await openFixture({ clock: still() })
    const { status, headers, body } = await api.json(
      '/v1/candles?symbl=A&interval=2m&limit=10001&from=1700000000&order=up&order=down',
    )
    expect(status).toBe(400)
    expect(headers.get('content-type')).toBe('application/problem+json')
    const byName = Object.fromEntries(body.errors.map(({ parameter, detail }) => [parameter, detail]))
    expect(byName['symbl']).toContain('symbol')
    expect(byName['interval']).toContain('1m')
    expect(byName['limit']).toContain('10000')
    expect(byName['from']).toContain('seconds')
    expect(byName['order']).toContain('more than once')
    expect(Object.keys(byName).length).toBe(5)
  })

  test('input is never echoed as markup', async () => {
    await using api = await openFixture({ clock: still() })
    for (const url of ['/v1/trades?%3Cscript%3E=1', `/v1/trades?symbol=%3Cscript%3E%0d%0aX`, '/%3Cscript%3E']) {
      const response = await api.app.request(url)
      expect([400, 404]).toContain(response.status)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(await response.text()).not.toContain('<script')
    }
  })

  test('what contradicts itself is refused', async () => {
    await using api = await openFixture({ clock: still() })
    for (const [query, parameter] of [
      ['from=2000&to=1000', 'to'],
      ['from=1000&start=2000', 'start'],
      ['symbol=', 'symbol'],
      ['symbol=A,,B', 'symbol'],
      ['from=2026-02-30T00:00:00Z', 'from'],
      ['limit=0', 'limit'],
    ]) {
      const { status, body } = await api.json(`/v1/trades?${query}`)
      expect([query, status, body.errors[0]?.parameter]).toEqual([query, 400, parameter])
    }
  })

  test('without a symbol the refusal names some that there are', async () => {
    await using api = await openFixture({ clock: still() })
    const { status, body } = await api.json('/v1/trades')
    expect([status, body.detail]).toEqual([400, expect.stringContaining(BTC)])
  })

  test('a store that fails is 503, says nothing of the inside, and is logged', async () => {
    await using api = await openFixture({
      clock: still(),
      store: {
        async *read() {
          yield* []
          throw new Error('disk I/O error at /secret/path')
        },
        symbols: () => Promise.reject(new Error('disk I/O error at /secret/path')),
      },
    })
    for (const url of [`/v1/trades?${at}`, '/v1/symbols', '/v1/latest']) {
      const response = await api.app.request(url)
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
      expect(await response.text()).not.toContain('secret')
    }
    expect(api.lines.filter((line) => line.includes('secret')).length).toBe(3)
  })

  test('an unknown address is 404 with the nearest, a known one with another method 405', async () => {
    await using api = await openFixture({ clock: still() })
    const missing = await api.json('/v1/candels')
    expect([missing.status, missing.body.detail]).toEqual([404, expect.stringContaining('/v1/candles')])
    const posted = await api.json('/v1/trades', { method: 'POST' })
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect((await api.app.request('/v1/symbols', { method: 'HEAD' })).status).toBe(200)
  })

  test('request ids are given, taken over when plain, and stand in the answer', async () => {
    await using api = await openFixture({ clock: still() })
    const own = await api.json('/v1/symbols', { headers: { 'x-request-id': 'my-7' } })
    expect([own.body.request_id, own.headers.get('x-request-id')]).toEqual(['my-7', 'my-7'])
    const bad = await api.json('/v1/symbols', { headers: { 'x-request-id': '<b>"' } })
    expect(bad.body.request_id).toMatch(/^[\w-]+$/)
  })
})
