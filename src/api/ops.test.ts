import { expect, test } from 'bun:test'

import { openFixture, still, T0 } from './api.fixture.ts'
import { createOpsApp } from './ops.ts'

test('readyz names what is not ready, and with verbose what is', async () => {
  await using api = await openFixture({ clock: still() })
  expect(await api.json('/readyz')).toMatchObject({ status: 200, body: { ready: true, not_ready: [] } })
  api.context.health.ready('store')
  api.context.health.notReady('feed', 'no connection for 30 s')
  const failing = [{ component: 'feed', reason: 'no connection for 30 s' }]
  const short = await api.json('/readyz')
  expect(short).toMatchObject({ status: 503, body: { ready: false, not_ready: failing } })
  expect(short.body).not.toHaveProperty('components')
  expect((await api.json('/readyz?verbose')).body).toMatchObject({
    components: [
      { component: 'store', ready: true },
      { component: 'feed', ready: false },
    ],
  })
  expect((await api.app.request('/livez')).status).toBe(200)
})

test('statusz tells who this is, what it does and how it is', async () => {
  const clock = still()
  await using api = await openFixture({ clock })
  clock.advance(5000)
  api.stats.stored(7)
  expect((await api.json('/statusz')).body).toMatchObject({
    version: '1.2.3',
    origin: 'replay',
    uptime_ms: 5000,
    started_at: T0,
    trades_stored: 7,
    latency: { window_s: 10 },
  })
})

test('metrics count requests by route, never by address', async () => {
  await using api = await openFixture({ clock: still() })
  for (const path of ['/v1/symbols', '/some/where', '/any/where', '/v1/symbols?x=1']) await api.app.request(path)
  const text = await (await api.app.request('/metrics')).text()
  expect(text).toContain(
    'stockpipe_http_request_duration_seconds_count{method="GET",route="/v1/symbols",status="200"} 1',
  )
  expect(text).toContain(
    'stockpipe_http_request_duration_seconds_count{method="GET",route="/v1/symbols",status="400"} 1',
  )
  expect(text).toContain('stockpipe_http_request_duration_seconds_count{method="GET",route="none",status="404"} 2')
  expect(text).not.toContain('where')
})

test('a role without data serves these routes alone', async () => {
  await using api = await openFixture({ clock: still() })
  const info = { version: '1', commit: 'c', origin: 'live', symbols: [], startedAt: T0, mode: 'kafka' } as const
  const app = createOpsApp({ context: api.context, info, status: api.status })
  const statuses = await Promise.all(
    ['/livez', '/readyz', '/metrics', '/statusz', '/v1/trades'].map(async (path) => (await app.request(path)).status),
  )
  expect(statuses).toEqual([200, 200, 200, 200, 404])
})
