import { afterAll, expect, test } from 'bun:test'

import { type Clock, hurriedClock, manualClock, systemClock } from '../../clock.ts'
import { DASHBOARDS } from '../grafana/files.ts'
import { probeGrafana } from './grafana.ts'
import type { GrafanaAccess } from './grafana-client.ts'

const MISSING = new Response('{"message":"Dashboard not found"}', { status: 404 })
const PROVISIONED = new Set(['market', 'market-api', 'market-live'])
const titles = (names: readonly string[]) => names.map((name) => `grafana dashboard ${DASHBOARDS[name]?.title}`).sort()

/** What it answers to each query. */
let answerTo = async (): Promise<Response> => rows()
let healthOf = () => Response.json({ status: 'OK' })
const rows = () => Response.json({ results: { A: { frames: [] } } })
const noConnection = () =>
  Response.json({ results: { A: { error: 'gocql: no hosts available in the pool', status: 500 } } }, { status: 500 })

/** As Grafana is where no Prometheus was named: without the dashboards that ask it. */
const grafana = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  routes: {
    '/api/health': () => Response.json({ version: '1', database: 'ok' }),
    '/api/datasources/uid/:uid/health': ({ params: { uid } }) =>
      uid === 'stockpipe-prometheus' ? Response.json({ message: 'no such host' }, { status: 400 }) : healthOf(),
    '/api/dashboards/uid/:uid': ({ params: { uid } }) => {
      const [name = ''] = Object.entries(DASHBOARDS).find(([, dashboard]) => dashboard.uid === uid) ?? []
      return PROVISIONED.has(name) ? Response.json({}) : MISSING.clone()
    },
    '/api/ds/query': () => answerTo(),
  },
})
afterAll(() => grafana.stop(true))

type Limits = Partial<Pick<GrafanaAccess, 'signal' | 'timeoutMs'>>

const probe = (dashboards: readonly string[], clock: Clock = manualClock(), limits: Limits = {}) =>
  probeGrafana({
    url: grafana.url.origin,
    secret: 'admin',
    username: 'admin',
    password: 'secret',
    clock,
    signal: new AbortController().signal,
    timeoutMs: 300_000,
    ...limits,
    dashboards,
  })

test('a dashboard that was not installed for want of a Prometheus is told and does not fail', async () => {
  const probes = await probe([...PROVISIONED])
  const leftOut = probes.filter(({ name, isLeftOut }) => isLeftOut === true && name.startsWith('grafana dashboard'))
  expect(leftOut.map(({ name }) => name).sort()).toEqual(titles(['pipeline', 'resources']))
  expect(leftOut[0]?.detail).toContain('monitoring.prometheusUrl')
  expect(probes.filter(({ name, ok }) => !ok && name.startsWith('grafana dashboard'))).toEqual([])
})

test('one that was installed and is not in Grafana fails, and so does one that everybody gets', async () => {
  const probes = await probe(['pipeline'])
  const failed = (await probe(['pipeline', 'market'])).filter(({ ok }) => !ok).map(({ name }) => name)
  expect(failed).toContain(titles(['pipeline'])[0] ?? '')
  PROVISIONED.delete('market')
  const without = (await probe([])).filter(({ ok }) => !ok).map(({ name }) => name)
  expect(without).toContain(titles(['market'])[0] ?? '')
  expect(probes.filter(({ isLeftOut, name }) => isLeftOut && name.includes('dashboard'))).toHaveLength(1)
})

const isQuery = ({ name }: { name: string }) => name.startsWith('grafana query')
/** Of queries, and of what variables of a dashboard asked before. */
const isAsked = ({ name }: { name: string }) => /^grafana (query|variables)/.test(name)

test('a query whose data source has no connection yet is asked again', async () => {
  let asked = 0
  answerTo = async () => (++asked, rows())
  await probe([])
  const wanted = asked + 2
  asked = 0
  answerTo = async () => (++asked <= 2 ? noConnection() : rows())
  const probes = await probe([], hurriedClock())
  expect(probes.filter((it) => isQuery(it) && !it.ok)).toEqual([])
  expect(asked).toBe(wanted)
})

test('a data source that is not well yet is asked again, but not one that may be left out', async () => {
  const healthy = healthOf
  let asked = 0
  healthOf = () => (++asked <= 2 ? Response.json({ status: 'ERROR', message: 'no hosts' }, { status: 400 }) : healthy())
  answerTo = async () => rows()
  const clock = hurriedClock()
  const probes = await probe([], clock)
  expect(probes.filter(({ name, ok }) => name.startsWith('grafana datasource') && !ok)).toEqual([])
  expect(probes.filter(({ isLeftOut, name }) => isLeftOut && name.includes('prometheus'))).toHaveLength(1)
  expect([asked, clock.elapsed()]).toEqual([4, 2_000])
})

test('a query that never gets an answer fails in the words of its data source, and all of them share 90 s of patience', async () => {
  const clock = hurriedClock()
  answerTo = async () => noConnection()
  const failed = (await probe([], clock)).filter((it) => isAsked(it) && !it.ok)
  expect(failed.map(({ detail }) => detail)).toEqual(failed.map(() => expect.stringContaining('no hosts available')))
  expect(failed.length).toBeGreaterThan(0)
  expect(clock.elapsed()).toBe(90_000)
})

test('what Grafana refuses is asked once', async () => {
  let asked = 0
  answerTo = async () => {
    asked += 1
    return Response.json({ message: 'no right to' }, { status: 403 })
  }
  const failed = (await probe([])).filter((it) => isAsked(it) && !it.ok)
  expect(failed.length).toBeGreaterThan(0)
  expect(asked).toBe(failed.length)
})

test('it is asked no more at once than by a browser', async () => {
  let now = 0
  let most = 0
  const full = Promise.withResolvers<void>()
  answerTo = async () => {
    most = Math.max(most, ++now)
    if (now === 6) full.resolve()
    await Promise.race([full.promise, systemClock.sleep(250)])
    now -= 1
    return rows()
  }
  await probe([])
  expect(most).toBe(6)
})

test('a data source that does not answer takes a limited time, and each query is asked once even behind it', async () => {
  let asked = 0
  const never = Promise.withResolvers<Response>()
  answerTo = () => {
    asked += 1
    return never.promise
  }
  const failed = (await probe([], systemClock, { timeoutMs: 20 })).filter(isAsked)
  never.resolve(rows())
  expect(failed.map(({ ok, detail }) => [ok, detail])).toEqual(
    failed.map(() => [false, expect.stringContaining('no answer within')]),
  )
  expect(failed.length).toBeGreaterThan(0)
  expect(asked).toBe(failed.length)
})

test('what is not Grafana at its address is said, and asked once', async () => {
  let asked = 0
  answerTo = async () => {
    asked += 1
    return new Response('<html>a proxy</html>')
  }
  const failed = (await probe([])).filter(isAsked)
  expect(failed[0]?.detail).toContain('is not Grafana: <html>a proxy')
  expect(asked).toBe(failed.length)
})

test('told to stop while it waits it says so, and asks nothing again', async () => {
  const ended = new AbortController()
  const clock = manualClock()
  const sleep: Clock['sleep'] = (ms, signal) => {
    const slept = clock.sleep(ms, signal)
    ended.abort()
    return slept
  }
  let asked = 0
  answerTo = async () => {
    asked += 1
    return noConnection()
  }
  const probing = probe([], { ...clock, sleep }, { signal: ended.signal })
  expect(await probing.catch(String)).toContain('interrupted')
  expect(asked).toBeLessThanOrEqual(6)
})
