/** The roles are there before their servers, which come, and go away again. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { canary } from './canary.ts'
import { findChromium, openTab, startChromium } from './chromium.ts'
import { type Row, stockpipe } from './binary.ts'
import { readiness, type Running, running, until } from './running.ts'
import { CASSANDRA_USER, startCassandra } from './services/cassandra.ts'
import { startKafka } from './services/kafka.ts'
import { freePorts } from './services/ports.ts'
import type { Servers } from './services/servers.ts'
import { canStartServices } from './services/services.ts'

const LIMIT_MS = 120_000
/** What hangs: all tasks together have 10 s, and say `run.stop_timeout` when these are over. */
const STOPPED_WITHIN_MS = 30_000
const BTC = 'BINANCE:BTCUSDT'
const ROLES = ['api', 'processor', 'producer'] as const

const CHROMIUM = findChromium()
const kafkaPorts = await freePorts(2)
const cassandraPorts = await freePorts(2)
const KAFKA = `127.0.0.1:${kafkaPorts[0]}`
const STORE = [
  '--cassandra-contact-points',
  '127.0.0.1',
  '--cassandra-port',
  String(cassandraPorts[0]),
  '--cassandra-username',
  CASSANDRA_USER.username,
]

const PASSWORD = { STOCKPIPE_CASSANDRA_PASSWORD: CASSANDRA_USER.password }

const started: Running[] = []
const servers: { kafka?: Servers; cassandra?: Servers } = {}

function start(role: (typeof ROLES)[number], ...more: readonly string[]): Running {
  const store = role === 'producer' ? [] : STORE
  const symbols = role === 'producer' ? ['--symbols', `${BTC},AAPL`] : []
  const args = ['--role', role, '--kafka-brokers', KAFKA, ...store, ...symbols, '--listen', '127.0.0.1:0', ...more]
  const one = running(['run', ...args], store.length > 0 ? PASSWORD : {})
  started.push(one)
  return one
}

async function stops(process: Running, code = 0): Promise<void> {
  const from = performance.now()
  expect(await process.stop()).toBe(code)
  expect(process.named('run.stop_timeout')).toEqual([])
  expect(performance.now() - from).toBeLessThan(STOPPED_WITHIN_MS)
}

const rows = async (url: string): Promise<Row[]> => {
  const response = await fetch(url)
  return response.ok ? ((await response.json()) as { data: Row[] }).data : []
}

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(!canStartServices())('roles that are there before their servers', () => {
  const roles = {} as Record<(typeof ROLES)[number], { process: Running; url: string }>

  beforeAll(async () => {
    for (const role of ROLES) {
      const process = start(role)
      roles[role] = { process, url: await process.url() }
    }
  }, LIMIT_MS)

  afterAll(async () => {
    await Promise.all(started.map((process) => process[Symbol.asyncDispose]()))
    await Promise.all([servers.kafka?.stop(), servers.cassandra?.stop()])
  }, LIMIT_MS)

  test.each([
    ['api', [KAFKA, 'Cassandra at 127.0.0.1']],
    ['processor', [KAFKA]],
    ['producer', [KAFKA]],
  ] as const)(
    '%s lives, is not ready and names what is missing',
    async (role, names) => {
      const { url } = roles[role]
      expect((await fetch(`${url}/livez`)).status).toBe(200)
      const { status, text } = await until(
        () => readiness(url),
        ({ text }) => names.every((name) => text.includes(name)),
      )
      expect({ status, text }).toMatchObject({ status: 503 })
    },
    LIMIT_MS,
  )

  test.each(ROLES)(
    '%s that still waits for its servers stops when told to',
    async (role) => {
      const process = start(role)
      const url = await process.url()
      await until(
        () => readiness(url),
        ({ status }) => status === 503,
      )
      await stops(process)
    },
    LIMIT_MS,
  )

  test(
    'all become ready by themselves once the servers are there, and trades come through',
    async () => {
      await Promise.all([
        startKafka({ ports: kafkaPorts }).then((kafka) => Object.assign(servers, { kafka })),
        startCassandra({ ports: cassandraPorts, auth: true }).then((cassandra) =>
          Object.assign(servers, { cassandra }),
        ),
      ])
      for (const { url } of Object.values(roles))
        await until(
          () => readiness(url),
          ({ status }) => status === 200,
        )
      const trades = await until(
        () => rows(`${roles.api.url}/v1/trades?symbol=${BTC}&from=1&limit=10`),
        (found) => found.length === 10,
      )
      expect(trades[0]?.['symbol']).toBe(BTC)
      expect(roles.processor.process.named('run.started')).toHaveLength(1)
    },
    LIMIT_MS,
  )

  test(
    'the api pushes trades, candles and newest prices, and they are those of the store',
    async () => {
      const channels = [`trades:${BTC}`, `candles:1s:${BTC}`, `latest:${BTC}`]
      const heard = await listen(roles.api.url, channels)
      const [trades = [], candles = [], latest = []] = await until(
        () => channels.map((channel) => heard.updates(channel)),
        (all) => all.every((updates) => updates.length >= 3),
      )
      heard.close()
      const from = Number(trades[0]?.['trade_ts']) - 60_000
      const stored = await rows(`${roles.api.url}/v1/trades?symbol=${BTC}&from=${from}&limit=10000`)
      const idOf = (row: Row) => `${row['log_partition']}/${row['log_offset']}/${row['log_index']}`
      const byId = new Map(stored.map((row) => [idOf(row), row]))
      expect(trades.map((row) => byId.get(idOf(row)))).toEqual(trades)
      expect(candles.every((row) => row['interval'] === '1s' && Number(row['n']) > 0)).toBe(true)
      expect(latest.every((row) => row['symbol'] === BTC && Number(row['price']) > 0)).toBe(true)
    },
    LIMIT_MS,
  )

  test(
    'export reads with the right password, and says what is wrong with another one',
    async () => {
      const words = ['export', 'trades', '--symbol', BTC, ...STORE]
      const [right, wrong] = await Promise.all([
        stockpipe(words, PASSWORD),
        stockpipe(words, { STOCKPIPE_CASSANDRA_PASSWORD: canary('cassandra') }),
      ])
      expect([right.code, right.stdout.split('\n').length > 10]).toEqual([0, true])
      expect([wrong.code, wrong.stdout]).toEqual([1, ''])
      expect(wrong.stderr).toMatch(/^error: Cassandra at .* refuses the login\n {2}why: .*\n {2}try: .*\n$/)
      expect(wrong.stderr).not.toContain(canary('cassandra'))
    },
    LIMIT_MS,
  )

  // No Chromium here: test/page.test.ts says so, and fails where CI is set.
  test.skipIf(CHROMIUM === null)(
    'the page is live',
    async () => {
      const browser = await startChromium(CHROMIUM ?? '')
      try {
        await using tab = await openTab(browser, roles.api.url)
        const { page } = tab
        await page.locator('#badge', { hasText: /^simulated$/ }).waitFor()
        for (const selector of ['#price', '#tape tr:first-child']) {
          await page.locator(selector, { hasText: /\d/ }).waitFor()
          const before = await page.locator(selector).innerText()
          await page.locator(selector, { hasNotText: before }).waitFor()
        }
        expect([tab.complaints, tab.strangers]).toEqual([[], []])
      } finally {
        await browser.close()
      }
    },
    LIMIT_MS,
  )

  test(
    'a processor stops when told to, also while Cassandra is away',
    async () => {
      const other = start('processor', '--kafka-group', 'other')
      const url = await other.url()
      await until(
        () => other.named('log.joined').length,
        (count) => count > 0,
      )
      await servers.cassandra?.kill()
      const { text } = await until(
        () => readiness(url),
        ({ status }) => status === 503,
      )
      expect(text).toContain('Cassandra')
      await stops(other)
    },
    LIMIT_MS,
  )

  test(
    'each stops when told to, also while Kafka hangs, and a live feed says what it lost',
    async () => {
      servers.kafka?.pause()
      const { api, processor, producer } = roles
      await until(
        () => readiness(producer.url),
        ({ status }) => status === 503,
      )
      await Promise.all([stops(api.process), stops(processor.process), stops(producer.process, 1)])
      expect(producer.process.named('feed.loss.end')).toHaveLength(1)
    },
    LIMIT_MS,
  )
})

/** Rows of updates as the api pushes them. */
async function listen(url: string, channels: readonly string[]) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`)
  const updates: { type: string; channel: string; data: Row[] }[] = []
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as (typeof updates)[number]
    if (message.type === 'update') updates.push(message)
  })
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  socket.send(JSON.stringify({ subscribe: channels }))
  return {
    updates: (name: string) => updates.filter(({ channel }) => channel === name).flatMap(({ data }) => data),
    close: () => socket.close(),
  }
}
