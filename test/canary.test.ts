/**
 * A canary in every secret setting, given in every way, through everything that the executable does: it is in nothing
 * that leaves the process. What is in other places than its output is looked at here; `traces` says what counts.
 */
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { kebab } from '../src/config/option.ts'
import { fixture, replayArgs, ROOT, stockpipe } from './binary.ts'
import { hostileCassandra, hostileFeed, hostileHttp, hostileKafka, hostileProxy } from './canary.fixture.ts'
import { CANARY, canary, traces } from './canary.ts'
import { givenIn, secretFlags, secretKeys, valueOf } from './canary-given.ts'
import { type Running, running, until } from './running.ts'

const LIMIT_MS = 120_000
const folder = mkdtempSync(join(tmpdir(), 'stockpipe-canary-'))
const { place, yamlIn, ways: WAYS } = givenIn(folder)
const feed = hostileFeed()
const http = hostileHttp()
const [kafka, cassandra, proxy] = await Promise.all([hostileKafka(), hostileCassandra(), hostileProxy()])
afterAll(async () => {
  await Promise.all([feed, http, kafka, cassandra, proxy].map((server) => server[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true, force: true })
})

/** Where each secret is really used, below or in canary-deploy.test.ts. A new one has to find its place. */
const USED: Readonly<Record<string, string>> = {
  finnhubToken: 'a feed that says it back',
  kafkaSaslPassword: 'a broker that says it back',
  cassandraPassword: 'a node that says it back',
  apiToken: 'callers of the API',
  grafanaLiveToken: 'a Grafana that says it back',
}
test('every secret option is used by a scene', () => {
  expect(Object.keys(USED).sort()).toEqual([...secretKeys].sort())
})

/** The same of flags that name files and folders with secrets. */
const FLAGS: Readonly<Record<string, string>> = {
  'kafka-tls-key-file': 'a doctor of keys that are none',
  'cassandra-tls-key-file': 'a doctor of keys that are none',
  'superuser-login': 'a set-up at a node that says it back',
  'writer-login': 'a set-up at a node that says it back',
  'reader-login': 'a set-up at a node that says it back',
  'grafana-login': 'a set-up at a node that says it back',
  kubeconfig: 'a cluster that says it back',
  'finnhub-token-file': 'a cluster that says it back',
}
test('every flag that names what holds a secret is used by a scene', () => {
  expect(Object.keys(FLAGS).sort()).toEqual([...secretFlags].sort())
})

/** A proxy with a password is in the way of whatever is no loopback address. */
const login = `user:${encodeURIComponent(`${CANARY}@:/+`)}`
const PROXIED = { HTTP_PROXY: `http://${login}@127.0.0.1:${proxy.port}` }
const KAFKA = `--kafka-brokers 127.0.0.1:${kafka.port} --kafka-sasl-username me`.split(' ')
const CASSANDRA = `--cassandra-contact-points 127.0.0.1 --cassandra-port ${cassandra.port} --cassandra-username me`
const SERVERS = [...KAFKA, ...CASSANDRA.split(' ')]
const FEED = ['--finnhub-url', `ws://127.0.0.1:${feed.port}`]

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])('given by %s', (way) => {
  test.concurrent.each(['text', 'json', 'yaml'])(
    'config as %s masks each of them',
    async (format) => {
      const { env, cwd } = WAYS[way]()
      const ran = await stockpipe(['config', '-o', format], env, cwd)
      expect(ran.code).toBe(0)
      expect(ran.stdout.match(/\*\*\*/g)).toHaveLength(secretKeys.length)
      expect(traces(ran.stdout + ran.stderr)).toEqual([])
    },
    LIMIT_MS,
  )
})

const ofEach = (words: (key: string) => readonly string[]): string[] => secretKeys.flatMap(words)

/** Keys that are none, for whoever tells what is wrong with them. */
function tlsFiles(server: string): string[] {
  const path = join(folder, 'key.pem')
  writeFileSync(path, `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----\n`)
  return [`--${server}-tls`, ...['cert', 'key'].flatMap((part) => [`--${server}-tls-${part}-file`, path])]
}

/** Folders as `setup schema` takes them, each with a password that CQL writes in another way. */
const logins = secretFlags
  .filter((flag) => flag.endsWith('-login'))
  .flatMap((flag) => {
    writeFileSync(join(place(flag), 'username'), `${flag}\n`)
    writeFileSync(join(place(flag), 'password'), `${CANARY}'"+/%&-${flag}\n`)
    return [`--${flag}`, place(flag)]
  })

const COMMANDS: readonly (readonly string[])[] = [
  ['doctor', ...SERVERS, ...FEED, '--listen', '127.0.0.1:0'],
  ['doctor', ...SERVERS, '--finnhub-url', 'ws://feed.invalid', '--json'],
  ...['export trades', 'verify', 'reprocess --from 2026-03-02 --to 2026-03-03', 'dlq list'].flatMap((words) => [
    words.split(' '),
    [...words.split(' '), ...SERVERS],
  ]),
  ...['topics', 'schema', 'probe'].map((step) => ['setup', step, '--timeout', '1s', ...SERVERS]),
  ['setup', 'schema', '--timeout', '1s', ...SERVERS, ...logins],
  ...['pipeline', 'broker', 'store'].map((what) => ['bench', what, ...SERVERS, '--seconds', '1']),
  ['run', '--role', 'producer', '--feed', 'finnhub', '--listen', 'nowhere:1', ...FEED, ...SERVERS],
  ['run', '--validate-symbols', '--finnhub-url', 'ws://127.0.0.1:1', '--data-dir', '/dev/null/x'],
  ['deploy', 'render', '--set', `finnhub.token=${canary('set')}`],
  ['deploy', 'render', '--set', `secrets.finnhub=${CANARY}`],
  ['deploy', 'render', '--set', `monitoring.prometheusUrl=http://me:${CANARY}@prometheus`],
  ['deploy', 'render', '--set', `settings.finnhub-url=wss://ws.finnhub.io?token=${CANARY}`],
  ['deploy', 'render', ...ofEach((key) => ['--set', `settings.${kebab(key)}=${valueOf(key)}`])],
  ['deploy', 'render', ...ofEach((key) => ['--set', `settings.${kebab(key)}-file=${valueOf(key)}`])],
  ['deploy', 'check', '--kubeconfig', '/nowhere'],
  ['grafana', 'export', '--dir', 'grafana'],
  // Where it does not belong.
  ['run', valueOf('finnhubToken')],
  [valueOf('finnhubToken')],
  ['run', ...ofEach((key) => [`--${kebab(key)}`, valueOf(key)])],
  ['config', ...ofEach((key) => [`--${kebab(key)}-fil`, valueOf(key)])],
  ['config', ...ofEach((key) => [`--${kebab(key)}-file`, valueOf(key)])],
  ['config', '--finnhub-url', `wss://ws.finnhub.io?token=${valueOf('finnhubToken')}`],
  ['config', '--schema-registry-url', `http://me:${CANARY}@registry`],
  ['config', '--grafana-live-url', `https://${CANARY}@grafana`],
  ['config', '--cors-origin', `https://me:${CANARY}@page`, '--kafka-brokers', `me:${CANARY}@kafka:9092`],
  ['config', '--cassandra-contact-points', `cassandra,me:${CANARY}@other`],
  ['setup', 'probe', '--api', `http://me:${CANARY}@api`, ...SERVERS],
  [
    'doctor',
    '--finnhub-url',
    'ws://127.0.0.1:1',
    ...KAFKA,
    ...tlsFiles('kafka'),
    ...SERVERS.slice(4),
    ...tlsFiles('cassandra'),
  ],
  ['--help'],
  ['run', '--help'],
  ['completion'],
  ['version'],
]

const BROKEN = [
  `finnhub-token: "${CANARY}\nsymbols: A`,
  `finnhub-token: ${CANARY}\n  bad: : [`,
  `finnhub-token: [${CANARY}, ${CANARY}]`,
  `finnhub-token: { ${CANARY}: true }`,
  `finnhub-tokn: ${CANARY}`,
  `api-token: ${CANARY.slice(0, 12)}`,
]

test.concurrent.each(BROKEN.map((text, index) => [index, text] as const))(
  'a stockpipe.yaml that is wrong (%i) is not repeated',
  async (index, text) => {
    const { cwd } = yamlIn(place(`broken-${index}`), [text])
    const ran = await stockpipe(['config'], {}, cwd)
    expect([ran.code, traces(ran.stdout + ran.stderr)]).toEqual([2, []])
  },
  LIMIT_MS,
)

test.concurrent.each(COMMANDS.map((words) => [words.join(' ').replaceAll(CANARY, '...'), words] as const))(
  'stockpipe %s',
  async (_title, words) => {
    const { env } = WAYS.variables()
    const cwd = place(Bun.hash(words.join()).toString(36))
    const ran = await stockpipe(words, { ...env, ...PROXIED }, cwd)
    expect([0, 1, 2]).toContain(ran.code as number)
    expect(ran.stderr).not.toContain('it is a bug')
    expect(traces(ran.stdout + ran.stderr)).toEqual([])
    expect(tracesIn(cwd)).toEqual([])
  },
  LIMIT_MS,
)

/** Of every file of a folder, whatever it is. */
function tracesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'stockpipe.yaml')
    .flatMap((entry) => traces(readFileSync(join(entry.parentPath, entry.name), 'latin1')))
}

/** The command lines of a process and of all that it started. */
function commandLines(pid: number): string {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return [
      readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
      ...children.map((child) => commandLines(Number(child))),
    ].join()
  } catch {
    return ''
  }
}

interface Scene {
  url: string
  data: string
  isDone: () => boolean | Promise<boolean>
}

/** Waits until `isDone`, asks for all that it serves, ends it, and looks at all that it said and left. Resolves to what it served. */
async function leavesNothing(process: Running, { url, data, isDone }: Scene): Promise<string> {
  await until(isDone, (done) => done || process.child.exitCode !== null)
  expect(process.child.exitCode).toBeNull()
  expect(traces(commandLines(process.child.pid))).toEqual([])
  const served = (await answers(url)).join('\n')
  expect(traces(served)).toEqual([])
  await process.stop()
  expect(traces(process.said())).toEqual([])
  expect(tracesIn(data)).toEqual([])
  return served
}

const started = (words: readonly string[], data: string, env: Record<string, string> = {}) =>
  running(['run', '--listen', '127.0.0.1:0', '--data-dir', data, '--log-level', 'debug', ...words], {
    ...WAYS.variables().env,
    ...env,
  })

describe('a pipeline on a feed that says the token back', () => {
  test.concurrent(
    'shows it in no log, answer, page, file or export',
    async () => {
      const data = place('pipeline')
      const grafana = ['--grafana-live-url', `http://127.0.0.1:${http.port}`]
      await using process = started([...FEED, ...grafana, '--validate-symbols', '--rate-limit', '1000'], data)
      const url = await process.url()
      await until(
        () => process.named('feed.lost').length,
        (lost) => lost > 1,
      )
      expect(feed.tokens.slice(0, 2)).toEqual([valueOf('finnhubToken'), valueOf('finnhubToken')])
      expect(process.named('feed.error_frame')).toMatchObject([{ message: 'Invalid API key *** ***' }])
      const isDone = () => process.named('grafana_live.failing').length > 0
      const served = await leavesNothing(process, { url, data, isDone })
      expect(served.match(/^\d{3}$/gm)).toEqual(expect.arrayContaining(['200', '400', '401', '404']))
      expect(served).toContain('"type":"snapshot","channel":"latest:*"')
      const of = ['--data-dir', data, '--origin', 'live']
      const letters = await stockpipe(['dlq', 'show', ...of], WAYS.variables().env)
      expect(traces(letters.stdout + letters.stderr)).toEqual([])
      const exports = ['trades.ndjson', 'trades.csv', 'trades.parquet', 'gaps.csv'].map(async (name) => {
        const file = join(data, name)
        const [table = ''] = name.split('.')
        const ran = await stockpipe(['export', table, ...of, '--out', file], WAYS.variables().env)
        expect([name, ran.code, traces(ran.stdout + ran.stderr)]).toEqual([name, 0, []])
        const text = readFileSync(file, 'latin1')
        expect([name, text.includes('***'), traces(text)]).toEqual([name, true, []])
      })
      await Promise.all(exports)
    },
    LIMIT_MS,
  )
})

/** What each role serves; an api says itself what there is beside it. */
const OF_EVERY_ROLE = ['/livez', '/readyz', '/metrics', '/statusz', '/', '/docs', '/openapi.json', '/nowhere']

/** Every address by every way to say who asks, with status, headers and body; also those that are refused. */
async function answers(url: string): Promise<string[]> {
  const token = valueOf('apiToken')
  const described = await fetch(`${url}/openapi.json`)
  const { paths = {} } = (await described.json()) as { paths?: Record<string, unknown> }
  expect(Object.keys(paths).length > OF_EVERY_ROLE.length).toBe(described.ok)
  const more = Object.keys(paths).filter((path) => path !== '/v1/events')
  const addresses = [...new Set([...OF_EVERY_ROLE, ...more])]
  const bearer = { authorization: `Bearer ${token}` }
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(5_000) })
    return [answer.status, JSON.stringify([...answer.headers]), await answer.text()].join('\n')
  }
  /** Of a stream that never ends, what it begins with. */
  const begins = async (path: string) => {
    const answer = await fetch(`${url}${path}`, { headers: bearer, signal: AbortSignal.timeout(5_000) })
    const stream = answer.body?.getReader()
    const { value } = (await stream?.read()) ?? {}
    await stream?.cancel()
    return [answer.status, Buffer.from(value ?? []).toString()].join('\n')
  }
  const secret = encodeURIComponent(token)
  return Promise.all([
    ...addresses.flatMap((path) => [
      ask(path, { headers: bearer }),
      ask(`${path}?access_token=${secret}`),
      ask(`${path}?access_token=${secret}x`),
      ask(`${path}?token=${secret}`, { headers: bearer }),
    ]),
    ask('/readyz?verbose=1'),
    ask('/v1/latest', { headers: { authorization: `Basic ${btoa(`me:${token}`)}` } }),
    ask('/v1/latest', { headers: { authorization: `Bearer ${token}x` } }),
    ask(`/v1/latest/${secret}`, { headers: bearer }),
    ask('/v1/trades?symbol=BINANCE:BTCUSDT', { headers: bearer }),
    begins('/v1/events?subscribe=latest:*,trades:BINANCE:BTCUSDT'),
  ])
}

describe('roles whose servers say the password back', () => {
  test.concurrent.each([
    ['producer', 'json', 'log'],
    ['producer', 'json', 'registry'],
    ['processor', 'pretty', 'log'],
    ['api', 'json', 'store'],
  ] as const)(
    '%s, logging as %s, at %s',
    async (role, format, component) => {
      const data = place(`${role}-${component}`)
      const confluent = ['--avro-framing', 'confluent', '--schema-registry-url', `http://127.0.0.1:${http.port}`]
      const registry = component === 'registry' ? confluent : []
      const words = ['--role', role, '--feed', 'simulated', '--log-format', format, ...SERVERS, ...registry]
      await using process = started(words, data)
      const isDone = () => process.said().includes(`${component}.retrying`)
      const served = await leavesNothing(process, { url: await process.url(), data, isDone })
      expect(served).toContain(component === 'registry' ? 'it answered 500' : 'bad login')
    },
    LIMIT_MS,
  )
})

test.concurrent(
  'a proxy that says its password back',
  async () => {
    const data = place('proxied')
    await using process = started(['--finnhub-url', 'ws://feed.invalid'], data, PROXIED)
    const isDone = () => process.named('feed.lost').some(({ why }) => String(why).includes('roxy'))
    const served = await leavesNothing(process, { url: await process.url(), data, isDone })
    expect(served).toContain('407 refused')
  },
  LIMIT_MS,
)

test.concurrent(
  'a simulator that is given a token, and a recording that is replayed beside one',
  async () => {
    const data = place('simulator')
    await using simulator = running(['simulate', '--listen', '127.0.0.1:0', '--log-level', 'debug'], {})
    const [, url = ''] = await until(
      () => /at (ws:\S+)/.exec(simulator.said()) ?? [],
      ([found]) => found !== undefined,
    )
    await using process = started(['--finnhub-url', url], data)
    const isOpen = () => process.named('feed.open').length > 0
    await leavesNothing(process, { url: await process.url(), data, isDone: isOpen })
    const isDone = () => simulator.named('simulator.open').length > 0
    await leavesNothing(simulator, { url: url.replace('ws:', 'http:'), data, isDone })
    const replayed = await stockpipe(replayArgs(fixture('btcusdt-trades.ndjson'), data), WAYS.variables().env)
    expect([replayed.code, traces(replayed.stdout + replayed.stderr)]).toEqual([0, []])
  },
  LIMIT_MS,
)

/** A bug that nobody foresaw, with a secret in its words: from source, for there is no way to plant one in the executable. */
test.concurrent.each(['throw', 'reject', 'later'])(
  'a bug that has a secret in its message (%s) ends in words without it',
  async (how) => {
    const planted = join(folder, `bug-${how}.ts`)
    const bug = `new TypeError('cannot read x of ' + process.env.STOCKPIPE_FINNHUB_TOKEN)`
    const BUGS: Readonly<Record<string, string>> = {
      throw: `process.stdout.write = () => { throw ${bug} }`,
      reject: `process.stdout.write = () => { void Promise.reject(${bug}); return true }`,
      later: `process.stdout.write = () => { setImmediate(() => { throw ${bug} }); return true }`,
    }
    writeFileSync(planted, BUGS[how] ?? '')
    const child = Bun.spawn([process.execPath, '--preload', planted, 'src/main.ts', 'config'], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', ...WAYS.variables().env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = await new Response(child.stderr).text()
    expect(await child.exited).toBe(1)
    expect(said).toContain('error: cannot read x of ***')
    expect(said).toContain('it is a bug')
    expect(traces(said)).toEqual([])
  },
  LIMIT_MS,
)
