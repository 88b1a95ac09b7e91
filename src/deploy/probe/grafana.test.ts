import { afterAll, expect, test } from 'bun:test'

import { manualClock } from '../../clock.ts'
import { DASHBOARDS } from '../grafana/files.ts'
import { probeGrafana } from './grafana.ts'

const MISSING = new Response('{"message":"Dashboard not found"}', { status: 404 })
const PROVISIONED = new Set(['market', 'market-api', 'market-live'])
const titles = (names: readonly string[]) => names.map((name) => `grafana dashboard ${DASHBOARDS[name]?.title}`).sort()

/** As Grafana is where no Prometheus was named: without the dashboards that ask it. */
const grafana = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  routes: {
    '/api/health': () => Response.json({ version: '1', database: 'ok' }),
    '/api/datasources/uid/:uid/health': ({ params: { uid } }) =>
      uid === 'stockpipe-prometheus'
        ? Response.json({ message: 'no such host' }, { status: 400 })
        : Response.json({ status: 'OK' }),
    '/api/dashboards/uid/:uid': ({ params: { uid } }) => {
      const [name = ''] = Object.entries(DASHBOARDS).find(([, dashboard]) => dashboard.uid === uid) ?? []
      return PROVISIONED.has(name) ? Response.json({}) : MISSING.clone()
    },
    '/api/ds/query': () => Response.json({ results: { A: { frames: [] } } }),
  },
})
afterAll(() => grafana.stop(true))

const probe = (dashboards: readonly string[]) =>
  probeGrafana({
    url: grafana.url.origin,
    secret: 'admin',
    username: 'admin',
    password: 'secret',
    clock: manualClock(),
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
