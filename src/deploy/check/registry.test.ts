import { afterAll, beforeEach, expect, test } from 'bun:test'

import { askRegistry, fullName } from './registry.ts'

/** Of each request: where it went, and with which login. */
const requests: string[] = []
const TOKEN = 'for-everybody'
/** Answers of the registry to who has the token, by path; what is not here is not there. */
const manifests: Record<string, number> = {}
let challenge: string | null = null
let issuer = 200

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  development: false,
  fetch(request) {
    const { pathname, search } = new URL(request.url)
    const host = request.headers.get('x-host')
    const login = request.headers.get('authorization')
    requests.push(`${request.method} ${host}${pathname}${search}${login === null ? '' : ` ${login}`}`)
    if (host === 'auth.example.com') return Response.json({ token: TOKEN }, { status: issuer })
    if (challenge !== null && login !== `Bearer ${TOKEN}`)
      return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
    const accepted = request.headers.get('accept') ?? ''
    if (!accepted.includes('oci.image.index') || !accepted.includes('manifest.list'))
      return new Response('', { status: 406 })
    return new Response(null, { status: manifests[pathname] ?? 404 })
  },
})
afterAll(() => server.stop(true))

/** What goes to the hosts of the names goes to the server here. */
const send = (url: string, init: RequestInit) => {
  const { protocol, host, pathname, search } = new URL(url)
  expect(protocol).toBe('https:')
  const headers = new Headers(init.headers)
  headers.set('x-host', host)
  return fetch(`${server.url.origin}${pathname}${search}`, { ...init, headers })
}
const ask = (image: string) => askRegistry(image, { send })

const BEARER = 'Bearer realm="https://auth.example.com/token",service="registry.example.com"'

beforeEach(() => {
  requests.length = 0
  for (const path of Object.keys(manifests)) delete manifests[path]
  challenge = null
  issuer = 200
})

test('what Docker Hub has is found with the token that it gives to everybody', async () => {
  challenge = `${BEARER},scope="repository:library/cassandra:pull"`
  manifests['/v2/library/cassandra/manifests/5.0.8'] = 200
  expect(await ask('cassandra:5.0.8')).toEqual({ state: 'there' })
  const path = 'HEAD registry-1.docker.io/v2/library/cassandra/manifests/5.0.8'
  expect(requests).toEqual([
    path,
    'GET auth.example.com/token?service=registry.example.com&scope=repository%3Alibrary%2Fcassandra%3Apull',
    `${path} Bearer ${TOKEN}`,
  ])
  expect(await ask('cassandra:5.0.80')).toEqual({ state: 'absent' })
})

test('a registry without logins is asked once, by digest where one is given', async () => {
  const digest = `sha256:${'0'.repeat(64)}`
  manifests[`/v2/team/kafka/manifests/${digest}`] = 200
  expect(await ask(`example.com:5000/team/kafka:4@${digest}`)).toEqual({ state: 'there' })
  expect(requests).toEqual([`HEAD example.com:5000/v2/team/kafka/manifests/${digest}`])
})

test.each<[string, () => void]>([
  ['gives no token to everybody', () => (issuer = 403)],
  ['refuses the token', () => (manifests['/v2/team/kafka/manifests/4'] = 403)],
  ['wants a name and a password', () => (challenge = 'Basic realm="https://example.com"')],
  ['would give a token where others read it', () => (challenge = 'Bearer realm="http://auth.example.com/token"')],
])('a registry that %s is closed', async (_, arrange) => {
  challenge = BEARER
  arrange()
  expect(await ask('example.com/team/kafka:4')).toEqual({ state: 'closed' })
})

test.each<[string, () => void, string]>([
  ['a registry that has enough', () => (manifests['/v2/team/kafka/manifests/4'] = 429), 'example.com answered 429'],
  ['a no before any token', () => (manifests['/v2/team/kafka/manifests/4'] = 403), 'example.com answered 403'],
  [
    'who gives tokens is out of order',
    () => ([challenge, issuer] = [BEARER, 503]),
    'example.com cannot be reached from here',
  ],
])('%s says nothing about the image', async (_, arrange, why) => {
  arrange()
  expect(await ask('example.com/team/kafka:4')).toEqual({ state: 'unknown', why })
})

test('a registry that cannot be reached, or is silent, is given up', async () => {
  const nobody = () => Promise.reject(new TypeError('getaddrinfo ENOTFOUND'))
  const why = 'example.com cannot be reached from here'
  expect(await askRegistry('example.com/kafka:4', { send: nobody })).toEqual({ state: 'unknown', why })
  const silent = (_: string, { signal }: RequestInit) =>
    new Promise<Response>((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))))
  expect(await askRegistry('example.com/kafka:4', { send: silent, patienceMs: 1 })).toEqual({ state: 'unknown', why })
})

test.each(['localhost/kafka:4', 'localhost:5000/kafka:4', '127.0.0.1:5000/kafka:4'])(
  'that of %s is another one for a node, and is not asked',
  async (image) => {
    expect(await ask(image)).toMatchObject({ state: 'unknown' })
    expect(requests).toEqual([])
  },
)

test.each([
  ['cassandra:5', 'docker.io/library/cassandra:5'],
  ['docker.io/cassandra:5', 'docker.io/library/cassandra:5'],
  ['apache/kafka:4', 'docker.io/apache/kafka:4'],
  ['ghcr.io/a/b:1', 'ghcr.io/a/b:1'],
  ['localhost/x:1', 'localhost/x:1'],
  ['host:5000/x:1', 'host:5000/x:1'],
])('%s is %s in full', (short, full) => expect(fullName(short)).toBe(full))
