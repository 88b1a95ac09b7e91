import { describe, expect, test } from 'bun:test'

import { canary } from '../../../test/canary.ts'
import { messageType } from '../../stream/codec.ts'
import trade from '../../stream/trade.avsc' with { type: 'json' }
import { openFixture, still } from '../api.fixture.ts'

const TYPE = 'application/vnd.schemaregistry.v1+json'
const SUBJECT = 'market-value'
const TOKEN = canary('api')
const TEXT = JSON.stringify(trade)
const ENTRY = { subject: SUBJECT, version: 1, id: 1, schema: TEXT }
/** The same schema as another library prints it. */
const RESPELLED = JSON.stringify(
  {
    fields: [
      {
        name: 'data',
        type: {
          items: {
            type: 'record',
            name: 'FinnhubProducer.data',
            fields: [
              { name: 'c', type: [{ items: ['null', 'string'], type: 'array' }, 'null'], doc: 'conditions' },
              { name: 'p', type: { type: 'double' } },
              { name: 's', type: 'string' },
              { name: 't', type: 'long' },
              { name: 'v', type: 'double' },
            ],
          },
          type: 'array',
        },
      },
      { name: 'type', type: 'string' },
    ],
    name: 'FinnhubProducer.message',
    type: 'record',
  },
  null,
  2,
)
const OTHER = JSON.stringify({ type: 'record', name: 'FinnhubProducer.message', fields: [] })

const open = (token?: string) => openFixture({ clock: still(), topic: 'market', ...(token ? { token } : {}) })
type Registry = Awaited<ReturnType<typeof open>>

async function ask(api: Registry, path: string, init?: RequestInit): Promise<[number, unknown]> {
  const response = await api.app.request(path, init)
  expect([path, response.headers.get('content-type')]).toEqual([path, TYPE])
  return [response.status, await response.json()]
}

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': TYPE },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

const code = ([status, body]: [number, unknown]) => [status, (body as { error_code: unknown }).error_code]

test('the schema that it serves is the one that the codec writes with', async () => {
  await using api = await open()
  const [, body] = await ask(api, '/schemas/ids/1')
  const { schema } = body as { schema: string }
  expect(messageType.equals((await import('avsc')).default.Type.forSchema(JSON.parse(schema)))).toBeTrue()
})

test.each([
  ['/schemas/ids/1', { schema: TEXT }],
  ['/schemas/ids/1?fetchMaxId=false&subject=market-value&format=', { schema: TEXT }],
  ['/schemas/ids/1?fetchMaxId=true', { schema: TEXT, maxId: 1 }],
  ['/schemas/ids/1/schema', trade],
  ['/schemas/ids/1/subjects?deleted=true', [SUBJECT]],
  ['/schemas/ids/1/versions', [{ subject: SUBJECT, version: 1 }]],
  ['/schemas/types', ['AVRO']],
  ['/schemas', [ENTRY]],
  ['/subjects', [SUBJECT]],
  ['/subjects?deleted=false&subjectPrefix=mark', [SUBJECT]],
  ['/subjects?subjectPrefix=orders', []],
  ['/subjects/market-value/versions', [1]],
  ['/subjects/market-value/versions/1', ENTRY],
  ['/subjects/market-value/versions/latest?deleted=true', ENTRY],
  ['/subjects/market-value/versions/-1', ENTRY],
  ['/subjects/market-value/versions/latest/schema', trade],
  ['/subjects/market-value/versions/1/referencedby', []],
  ['/config', { compatibilityLevel: 'FULL' }],
  ['/config/market-value', { compatibilityLevel: 'FULL' }],
  ['/config/orders-value?defaultToGlobal=true', { compatibilityLevel: 'FULL' }],
  ['/mode', { mode: 'READONLY' }],
  ['/mode/market-value?defaultToGlobal=true', { mode: 'READONLY' }],
])('%s is answered', async (path, expected) => {
  await using api = await open()
  expect(await ask(api, path)).toEqual([200, expected])
})

test.each([
  ['/schemas/ids/2', 404, 40403],
  ['/schemas/ids/one', 404, 40403],
  ['/schemas/ids/2/versions', 404, 40403],
  ['/subjects/orders-value/versions', 404, 40401],
  ['/subjects/orders-value/versions/1', 404, 40401],
  ['/subjects/market-value/versions/2', 404, 40402],
  ['/subjects/market-value/versions/0', 422, 42202],
  ['/subjects/market-value/versions/newest', 422, 42202],
  ['/config/orders-value', 404, 40408],
  ['/mode/orders-value', 404, 40409],
  ['/subjects/market-value/metadata', 404, 404],
  ['/schemas/guids/8d4b', 404, 404],
  ['/associations/resources/-/market?resourceType=topic', 404, 404],
  ['/contexts', 404, 404],
])('%s is refused in the words of the protocol', async (path, status, error) => {
  await using api = await open()
  expect(code(await ask(api, path))).toEqual([status, error])
})

describe('a client that brings a schema', () => {
  test('is told the id of the one that is there, however it is spelled', async () => {
    await using api = await open()
    for (const path of ['/subjects/market-value', '/subjects/market-value/versions?normalize=true'])
      for (const schema of [TEXT, RESPELLED])
        for (const schemaType of [undefined, 'AVRO'])
          expect(await ask(api, path, post({ schema, schemaType }))).toEqual([200, ENTRY])
  })

  test('looks up another one in vain, and cannot register it', async () => {
    await using api = await open()
    expect(code(await ask(api, '/subjects/market-value', post({ schema: OTHER })))).toEqual([404, 40403])
    expect(code(await ask(api, '/subjects/orders-value', post({ schema: TEXT })))).toEqual([404, 40401])
    const refused = await ask(api, '/subjects/market-value/versions', post({ schema: OTHER }))
    expect(code(refused)).toEqual([422, 42205])
    expect(refused[1]).toMatchObject({ message: expect.stringContaining('read-only') })
    expect(code(await ask(api, '/subjects/orders-value/versions', post({ schema: TEXT })))).toEqual([422, 42205])
    const proto = { schema: TEXT, schemaType: 'PROTOBUF' }
    expect(code(await ask(api, '/subjects/market-value/versions', post(proto)))).toEqual([422, 42205])
  })

  test.each(['', 'null', '[]', '{}', '{"schema":7}', '{"schema":"{"}'])('with %p brings none', async (body) => {
    await using api = await open()
    for (const path of ['/subjects/market-value', '/subjects/market-value/versions'])
      expect(code(await ask(api, path, post(body)))).toEqual([422, 42201])
  })

  test('changes nothing', async () => {
    await using api = await open()
    for (const [method, path] of [
      ['DELETE', '/subjects/market-value'],
      ['DELETE', '/subjects/market-value/versions/1'],
      ['PUT', '/config'],
      ['PUT', '/config/market-value'],
      ['PUT', '/mode'],
      ['POST', '/schemas'],
    ] as const)
      expect(code(await ask(api, path, { method }))).toEqual([422, 42205])
  })
})

describe('with a token', () => {
  const status = async (api: Registry, path: string, authorization: string) =>
    (await api.app.request(path, { headers: { authorization } })).status
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

  test('it is a bearer or the password of any user', async () => {
    await using api = await open(TOKEN)
    for (const path of ['/subjects', '/schemas/ids/1', '/config', '/mode', '/subjects/market-value/versions/latest'])
      for (const header of [`Bearer ${TOKEN}`, basic(`stockpipe:${TOKEN}`), basic(`:${TOKEN}`)])
        expect([path, await status(api, path, header)]).toEqual([path, 200])
  })

  test('without it clients are refused in words that they know', async () => {
    await using api = await open(TOKEN)
    expect(code(await ask(api, '/subjects'))).toEqual([401, 401])
    expect(code(await ask(api, '/subjects/market-value/versions', post({ schema: TEXT })))).toEqual([401, 401])
    for (const header of [basic(TOKEN), basic(`${TOKEN}:`), basic(`u:${TOKEN}x`), 'Basic !', 'Bearer x'])
      expect(code(await ask(api, '/subjects', { headers: { authorization: header } }))).toEqual([401, 401])
  })

  test('the data takes no password, so that no page of another origin rides on what a browser remembers', async () => {
    await using api = await open(TOKEN)
    expect(await status(api, '/v1/symbols', basic(`u:${TOKEN}`))).toBe(401)
  })
})

test('the documentation names what is there', async () => {
  await using api = await open()
  const spec = (await (await api.app.request('/openapi.json')).json()) as { paths: Record<string, object> }
  expect(Object.keys(spec.paths['/subjects/{subject}/versions'] ?? {}).sort()).toEqual(['get', 'post'])
  expect(spec.paths).not.toHaveProperty(['/subjects/*'])
  expect(await (await api.app.request('/docs')).text()).toContain('GET /schemas/ids/{id}')
})

test('without a topic there is no registry', async () => {
  await using api = await openFixture({ clock: still() })
  expect((await api.app.request('/subjects')).status).toBe(404)
})

test('the subject is named after the topic', async () => {
  await using api = await openFixture({ clock: still(), topic: 'ticks' })
  expect(await ask(api, '/subjects')).toEqual([200, ['ticks-value']])
  expect(code(await ask(api, '/subjects/market-value/versions'))).toEqual([404, 40401])
})
