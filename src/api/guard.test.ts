import { describe, expect, test } from 'bun:test'

import { canary } from '../../test/canary.ts'
import { openFixture, still } from './api.fixture.ts'
import { namesLoopback, originAllowed } from './guard.ts'

const TOKEN = canary('api')
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

describe('token', () => {
  test('guards data, metrics and status, and leaves probes and documentation open', async () => {
    await using api = await openFixture({ clock: still(), token: TOKEN })
    for (const path of [
      '/v1/symbols',
      '/v1/stats',
      '/v1/events?subscribe=latest:*',
      '/v1/stream',
      '/metrics',
      '/statusz',
    ]) {
      const refused = await api.json(path)
      expect([path, refused.status, refused.headers.get('www-authenticate')]).toEqual([
        path,
        401,
        'Bearer realm="stockpipe"',
      ])
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
    }
    for (const path of ['/livez', '/readyz', '/openapi.json', '/docs'])
      expect((await api.app.request(path)).status).toBe(200)
  })

  test('passes as a header everywhere and as a parameter on live routes only', async () => {
    await using api = await openFixture({ clock: still(), token: TOKEN })
    expect((await api.json('/v1/symbols', bearer(TOKEN))).status).toBe(200)
    expect((await api.json('/v1/symbols', bearer('wrong'))).status).toBe(401)
    expect((await api.json(`/v1/symbols?access_token=${TOKEN}`)).status).toBe(401)
    const events = await api.app.request(`/v1/events?subscribe=latest:*&access_token=${TOKEN}`)
    expect(events.status).toBe(200)
    await events.body?.cancel()
    expect((await api.json(`/v1/stream?access_token=${TOKEN}`)).status).toBe(426)
  })
})

test('beyond the rate a client waits, probes never do', async () => {
  const clock = still()
  await using api = await openFixture({ clock, rateLimit: 3 })
  const statuses = async (count: number) => {
    const seen: number[] = []
    for (let i = 0; i < count; i++) seen.push((await api.json('/v1/symbols')).status)
    return seen
  }
  expect(await statuses(4)).toEqual([200, 200, 200, 429])
  clock.advance(400)
  expect(await statuses(2)).toEqual([200, 429])
  expect((await api.app.request('/livez')).status).toBe(200)
})

test('pages of other origins may read what is allowed to them', async () => {
  await using api = await openFixture({ clock: still(), corsOrigin: ['https://desk.example'], token: TOKEN })
  const allowed = (origin: string) => api.app.request('/v1/symbols', { headers: { origin, ...bearer(TOKEN).headers } })
  expect((await allowed('https://desk.example')).headers.get('access-control-allow-origin')).toBe(
    'https://desk.example',
  )
  expect((await allowed('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull()
  const preflight = await api.app.request('/v1/symbols', {
    method: 'OPTIONS',
    headers: { origin: 'https://desk.example', 'access-control-request-method': 'GET' },
  })
  expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'GET,HEAD'])
})

test('every answer forbids foreign scripts and frames', async () => {
  await using api = await openFixture({ clock: still() })
  for (const path of ['/docs', '/v1/symbols', '/nothing']) {
    const { headers } = await api.app.request(path)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'")
    expect(policy).not.toContain('unsafe')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  }
})

test.each([
  ['localhost', true],
  ['LOCALHOST:8080', true],
  ['127.0.0.1:9000', true],
  ['127.1.2.3', true],
  ['[::1]:8080', true],
  ['[::1]', true],
  ['evil.example', false],
  ['127.0.0.1.evil.example:8080', false],
  ['localhost.evil.example', false],
  ['', false],
])('host %p names this machine: %p', (host, expected) => {
  expect(namesLoopback(new Headers(host === '' ? {} : { host }))).toBe(expected)
})

test('a WebSocket is for clients without an origin, the own page and allowed pages', () => {
  const from = (origin: string | null) =>
    originAllowed(new Headers({ host: 'localhost:8080', ...(origin === null ? {} : { origin }) }), [
      'https://desk.example',
    ])
  expect([null, 'http://localhost:8080', 'https://desk.example'].map(from)).toEqual([true, true, true])
  expect(['http://localhost:8081', 'https://evil.example', 'null'].map(from)).toEqual([false, false, false])
})
