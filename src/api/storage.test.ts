import { expect, test } from 'bun:test'

import { StockpipeError } from '../errors.ts'
import { READ_AS, type StoreCatalog } from '../stream/store/catalog.ts'
import { batch, BTC, candle, entry, gap, late, latest, openFixture, still, T0, window } from './api.fixture.ts'

interface Shown {
  bytes: { value: number | null; is_estimate: boolean; note: string | null }
  tables: {
    table: string
    can_be_read: boolean
    bytes: { value: number | null }
    rows: { value: number | null }
    kept: object[]
  }[]
  at_ts: number
}
const open = (more = {}) => openFixture({ clock: still(), ...more })
const survey = async (api: Awaited<ReturnType<typeof open>>): Promise<Shown> =>
  (await api.json('/v1/storage')).body.data as unknown as Shown

test('storage of a pipeline without a row yet: every table, empty, and no rows of a symbol that is followed', async () => {
  await using api = await open()
  const { tables, bytes, at_ts } = await survey(api)
  expect(bytes.value).toBeGreaterThan(0)
  expect(at_ts).toBe(T0)
  expect(tables.filter(({ can_be_read }) => can_be_read).map(({ table }) => table)).toEqual(Object.keys(READ_AS))
  for (const { table, rows } of tables) expect([table, rows.value]).toEqual([table, 0])
  for (const table of Object.keys(READ_AS)) {
    const { status, body } = await api.json(`/v1/storage/${table}?symbol=${BTC}`)
    expect([table, status, body.data]).toEqual([table, 200, []])
  }
})

test('storage counts the rows that there are and shows the newest of a symbol, of each table', async () => {
  await using api = await open()
  await api.put({
    trades: [batch(0, [entry(T0, { p: 1 }), entry(T0 + 1, { p: 2 }), entry(T0 + 2, { p: 3 })])],
    candles: [candle(T0), candle(T0 + 60_000), candle(T0, { interval: '1h' })],
    windows: [window(T0 + 15_000)],
    late: [late(T0, '1m')],
    gaps: [gap(T0, T0 + 5)],
    latest: [latest(T0)],
  })
  const counts = Object.fromEntries((await survey(api)).tables.map(({ table, rows }) => [table, rows.value]))
  expect(counts).toMatchObject({
    trades: 3,
    candles: 3,
    running_averages_15_sec: 1,
    late_trades: 1,
    gaps: 1,
    latest: 1,
  })
  const rows = async (path: string) => (await api.json(`/v1/storage/${path}`)).body.data
  expect((await rows(`trades?symbol=${BTC}&limit=2`)).map(({ price }) => price)).toEqual([3, 2])
  expect((await rows(`candles?symbol=${BTC}`)).map(({ open_ts }) => open_ts)).toEqual([T0 + 60_000, T0])
  expect(await rows(`candles?symbol=${BTC}&interval=1h`)).toHaveLength(1)
  for (const table of ['running_averages_15_sec', 'late_trades', 'gaps', 'latest'])
    expect([table, (await rows(`${table}?symbol=${BTC}`)).length]).toEqual([table, 1])
})

test('storage cuts long texts, so that no row makes a large answer', async () => {
  await using api = await open()
  await api.put({ gaps: [gap(T0, T0 + 5, { detail: 'x'.repeat(10_000) })] })
  const { body } = await api.json(`/v1/storage/gaps?symbol=${BTC}`)
  expect(body.data[0]?.['detail']).toBe(`${'x'.repeat(200)}…`)
})

test.each([
  ['trades%22%3B%20DROP%20TABLE%20trades', 404, 'table'],
  ['windows', 404, 'table'],
  ['written', 404, 'table'],
  ['constructor', 404, 'table'],
  ['Trades', 404, 'table'],
  ['trades?limit=101', 400, 'limit'],
  ['trades?limit=0', 400, 'limit'],
  ['trades?order=asc', 400, 'order'],
  ['trades', 400, 'symbol'],
  ['trades?symbol=AAPL,MSFT', 400, 'symbol'],
  ['trades?symbol=AAPL', 404, 'symbol'],
  [`trades?symbol=${BTC}&interval=1m`, 400, 'interval'],
])('storage refuses %s as a problem that names the parameter', async (path, status, parameter) => {
  await using api = await open()
  const answer = await api.json(`/v1/storage/${path}`)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
  expect(answer.body.errors.map((error) => error.parameter)).toEqual([parameter])
})

test('storage can only be read, wants the token, and counts against the rate', async () => {
  await using api = await open({ token: 'secret', rateLimit: 4 })
  const headers = { authorization: 'Bearer secret' }
  expect((await api.json('/v1/storage')).status).toBe(401)
  expect((await api.json(`/v1/storage/trades?symbol=${BTC}`)).status).toBe(401)
  expect((await api.json('/v1/storage', { method: 'DELETE', headers })).status).toBe(405)
  expect((await api.json('/v1/storage', { headers })).status).toBe(200)
  expect((await api.json('/v1/storage', { headers })).status).toBe(429)
})

test('a store that does not answer is 503, is asked again, and those who look at once share one look', async () => {
  let looks = 0
  let isDown = true
  const catalog: StoreCatalog = {
    async survey() {
      looks++
      if (isDown) throw new StockpipeError('unreachable', 'the secret address does not answer', { retryable: true })
      return { bytes: { value: null, isEstimate: false, note: 'not allowed' }, tables: [] }
    },
  }
  await using api = await open({ catalog })
  const failed = await api.json('/v1/storage')
  expect([failed.status, JSON.stringify(failed.body)]).toEqual([503, expect.not.stringContaining('secret')])
  isDown = false
  const [one, other] = await Promise.all([survey(api), survey(api)])
  expect([one, looks]).toEqual([other, 2])
  expect(one.bytes).toEqual({ value: null, is_estimate: false, note: 'not allowed' })
  api.clock.advance(2_000)
  await survey(api)
  expect(looks).toBe(3)
})
