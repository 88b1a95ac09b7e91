import { expect, test } from 'bun:test'

import { HOPS } from '../latency.ts'
import { openFixture, still } from './api.fixture.ts'

test('openapi.json describes every route with its parameters, and each reference in it leads somewhere', async () => {
  await using api = await openFixture({ clock: still() })
  const text = await (await api.app.request('/openapi.json')).text()
  const spec = JSON.parse(text) as {
    openapi: string
    paths: Record<string, { get: { parameters?: { name: string; description?: string }[] } }>
    components: { schemas: Record<string, unknown> }
  }
  expect(spec.openapi).toStartWith('3.1')
  for (const path of ['trades', 'candles', 'windows', 'latest', 'late', 'symbols', 'stats', 'gaps', 'stream', 'events'])
    expect(spec.paths).toHaveProperty([`/v1/${path}`])
  const parameters = spec.paths['/v1/candles']?.get.parameters ?? []
  expect(parameters.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['symbol', 'interval', 'from', 'to', 'cursor', 'fill']),
  )
  for (const parameter of parameters) expect(parameter.description).toBeString()
  const references = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name ?? '')
  expect(references.length).toBeGreaterThan(10)
  for (const name of references) expect(spec.components.schemas).toHaveProperty(name)
})

test('the schema of statistics names each hop and says what it means', async () => {
  await using api = await openFixture({ clock: still() })
  const text = await (await api.app.request('/openapi.json')).text()
  for (const hop of HOPS) expect(text).toContain(`"${hop}":{`)
  expect(text).toContain('from the time in the trade to its receipt')
  expect(text).not.toContain('"data":{"type":"object","additionalProperties":{}')
})

test('the documentation is one page without a script that names every route', async () => {
  await using api = await openFixture({ clock: still() })
  const page = await (await api.app.request('/docs')).text()
  for (const path of ['/v1/trades', '/v1/stream', '/readyz']) expect(page).toContain(`GET ${path}`)
  expect(page).not.toMatch(/<script|style=|https?:/)
  const style = await api.app.request('/docs.css')
  expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8'])
})
