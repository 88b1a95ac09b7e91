import { expect, test } from 'bun:test'

import { schemaIdFor } from './schema-id.ts'
import { loadSettings } from '../config.ts'
import { manualClock } from '../clock.ts'
import { SCHEMA_ID } from '../stream/codec.ts'
import schema from '../stream/trade.avsc' with { type: 'json' }
import { createMetrics, Health, silentLog } from '../telemetry.ts'

const never = new AbortController().signal

function surroundings(url: string, framing: string) {
  const clock = manualClock(0)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const flags = { 'schema-registry-url': url, 'avro-framing': framing, 'kafka-topic': 'a b' }
  const { settings } = loadSettings({ flags, env: {}, cwd: import.meta.dir, command: 'run' })
  return { clock, context, settings }
}

test('the schema is registered under the topic, and its id there is used', async () => {
  const asked: { path: string; schema: unknown }[] = []
  let refusals = 1
  using server = Bun.serve({
    port: 0,
    async fetch(request) {
      const { schema } = (await request.json()) as { schema: string }
      asked.push({ path: new URL(request.url).pathname, schema: JSON.parse(schema) })
      return refusals-- > 0 ? new Response('busy', { status: 503 }) : Response.json({ id: 77 })
    },
  })
  const { clock, context, settings } = surroundings(server.url.href, 'confluent')
  const id = schemaIdFor(settings, context, never)
  while (asked.length < 2) {
    clock.advance(100)
    await new Promise(setImmediate)
  }
  expect(await id).toBe(77)
  expect(asked[0]).toEqual({ path: '/subjects/a%20b-value/versions', schema })
})

test('a registry that has another schema is named on /readyz until that is mended', async () => {
  let isMended = false
  using server = Bun.serve({
    port: 0,
    fetch: () =>
      isMended
        ? Response.json({ id: 5 })
        : Response.json({ error_code: 409, message: 'incompatible' }, { status: 409 }),
  })
  const { clock, context, settings } = surroundings(server.url.href, 'confluent')
  const id = schemaIdFor(settings, context, never)
  const reason = () => context.health.reason('registry') ?? 'no answer yet'
  while (reason() === 'no answer yet') await new Promise(setImmediate)
  expect(reason()).toContain('does not take the schema')
  isMended = true
  const ended = new AbortController()
  const done = id.finally(() => ended.abort())
  while (!ended.signal.aborted) {
    clock.advance(1_000)
    await new Promise(setImmediate)
  }
  expect(await done).toBe(5)
})

test('bare Avro asks nobody', async () => {
  const { context, settings } = surroundings('http://127.0.0.1:9', 'raw')
  expect(await schemaIdFor(settings, context, never)).toBe(SCHEMA_ID)
})
