/** The images that stand in, deployed as an installation has them: all four, and each asked for what it is there for. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'

import { until } from '../until.ts'
import type { ApiObject } from './api.ts'
import { namespace } from './pods.ts'
import { useCluster } from './shared.ts'
import { STAND_INS, type StandIn, standInFiles } from './stand-ins.ts'

setDefaultTimeout(10 * 60_000)

const SPACE = `stand-ins-${process.pid}`
const CLUSTER = await useCluster()
const ADMIN = { user: 'root', password: 'of-the-tests' }

const DATASOURCES = `apiVersion: 1
datasources:
  - name: rows
    uid: rows
    type: hadesarchitect-cassandra-datasource
    url: $CASSANDRA
    jsonData: { user: cassandra, consistency: ONE }
    secureJsonData: { password: '$__file{/secrets/rows}' }
  - { name: nowhere, uid: nowhere, type: prometheus, url: 'http://kafka:1' }
`
const DASHBOARDS = `apiVersion: 1
providers: [{ name: all, folder: stockpipe, type: file, options: { path: /dashboards } }]
`

interface Deployed {
  name: StandIn
  uid: number
  port: number
  env: Readonly<Record<string, string>>
  /** Of config maps, by where they are mounted. */
  files?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Folders that are written, besides /tmp. */
  written?: readonly string[]
}

const KAFKA: Deployed = {
  name: 'kafka',
  uid: 1000,
  port: 9092,
  written: ['/opt/kafka/config', '/opt/kafka/logs', '/var/lib/kafka/data'],
  env: {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:9092',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_LOG_DIRS: '/var/lib/kafka/data/log',
    KAFKA_HEAP_OPTS: '-Xmx384m',
  },
}

const CASSANDRA: Deployed = {
  name: 'cassandra',
  uid: 999,
  port: 9042,
  // Written, too: /etc/cassandra, which an installation fills by an init container.
  written: ['/var/lib/cassandra', '/var/log/cassandra'],
  env: {
    MAX_HEAP_SIZE: '512M',
    CASSANDRA_CLUSTER_NAME: 'stand-in',
    JVM_EXTRA_OPTS: '-Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=0',
  },
}

const GRAFANA: Deployed = {
  name: 'grafana',
  uid: 472,
  port: 3000,
  written: ['/var/lib/grafana'],
  env: {
    CASSANDRA: 'cassandra:9042',
    GF_SECURITY_ADMIN_USER: ADMIN.user,
    GF_SECURITY_ADMIN_PASSWORD__FILE: '/secrets/admin',
  },
  files: {
    '/etc/grafana/provisioning/datasources': { 'rows.yaml': DATASOURCES },
    '/etc/grafana/provisioning/dashboards': { 'all.yaml': DASHBOARDS },
    '/dashboards': { 'market.json': JSON.stringify({ uid: 'market', title: 'Market', panels: [] }) },
    '/secrets': { admin: ADMIN.password, rows: 'cassandra\n' },
  },
}

const KAFKA_UI: Deployed = {
  name: 'kafka-ui',
  uid: 100,
  port: 8080,
  env: { KAFKA_CLUSTERS_0_NAME: 'here', KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: 'kafka:9092' },
}

const nameOf = (name: StandIn, path: string): string => `${name}${path.replaceAll('/', '-')}`

/** Pod, service at a port of the node, and config maps. */
function objectsOf({ name, uid, port, env, files = {}, written = [] }: Deployed): ApiObject[] {
  const metadata = (name: string) => ({ name, namespace: SPACE, labels: { app: name } })
  const folders = ['/tmp', ...written].map((path) => ({ path, source: { emptyDir: {} } }))
  const maps = Object.keys(files).map((path) => ({ path, source: { configMap: { name: nameOf(name, path) } } }))
  const mounts = [...folders, ...maps].map(({ path, source }) => ({ path, name: nameOf('v' as StandIn, path), source }))
  const container = {
    name,
    image: STAND_INS[name],
    imagePullPolicy: 'Never',
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    volumeMounts: mounts.map(({ path, name }) => ({ name, mountPath: path })),
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: name !== 'cassandra',
      capabilities: { drop: ['ALL'] },
    },
  }
  const spec = {
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    securityContext: { runAsNonRoot: true, runAsUser: uid, fsGroup: uid, seccompProfile: { type: 'RuntimeDefault' } },
    volumes: mounts.map(({ name, source }) => ({ name, ...source })),
    containers: [container],
  }
  return [
    ...Object.entries(files).map(([path, data]) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata(nameOf(name, path)),
      data,
    })),
    { apiVersion: 'v1', kind: 'Pod', metadata: metadata(name), spec },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(name),
      spec: { type: 'NodePort', selector: { app: name }, ports: [{ port }] },
    },
  ]
}

interface PodStatus extends ApiObject {
  status?: { conditions?: { type: string; status: string }[] }
}
interface ServiceObject extends ApiObject {
  spec: { ports: { nodePort: number }[] }
}

// No cluster, no images: cluster.test.ts says so, and fails where CI is set.
describe.skipIf(CLUSTER === null)('the images that stand in', () => {
  const cluster = () => {
    if (CLUSTER === null) throw new Error('skipped without a cluster')
    return CLUSTER
  }
  const path = `/api/v1/namespaces/${SPACE}`
  afterAll(async () => await CLUSTER?.api.delete(namespace(SPACE)))

  async function deploy(...all: Deployed[]): Promise<void> {
    for (const one of all) await cluster().api.apply(...objectsOf(one))
    for (const { name } of all)
      await until(
        async () => (await cluster().api.get<PodStatus>(`${path}/pods/${name}`)).status?.conditions ?? [],
        (conditions) => conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
      )
  }

  async function ask(name: StandIn, url: string, { password = ADMIN.password, body }: Asked = {}): Promise<Answer> {
    const { spec } = await cluster().api.get<ServiceObject>(`${path}/services/${name}`)
    const address = `http://${cluster().addresses.node}:${spec.ports[0]?.nodePort}${url}`
    const authorization = `Basic ${btoa(`${ADMIN.user}:${password}`)}`
    const response = await fetch(address, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization },
      body: body === undefined ? null : JSON.stringify(body),
    })
    return { status: response.status, answer: await response.json() }
  }

  test('start without rights, answer, and see each other', async () => {
    for (const file of await standInFiles()) await cluster().loadImage(file)
    await cluster().api.apply(namespace(SPACE))
    await until(
      () => cluster().api.fetch(`${path}/serviceaccounts/default`),
      ({ ok }) => ok,
    )
    await deploy(KAFKA, CASSANDRA, KAFKA_UI, GRAFANA)

    expect(await ask('kafka-ui', '/actuator/health')).toMatchObject({ status: 200, answer: { status: 'UP' } })
    expect((await ask('kafka-ui', '/api/clusters')).answer).toEqual([{ name: 'here', status: 'online' }])

    expect((await ask('grafana', '/api/health')).status).toBe(200)
    expect((await ask('grafana', '/api/search', { password: 'wrong' })).status).toBe(401)
    expect((await ask('grafana', '/api/dashboards/uid/market')).answer).toMatchObject({
      dashboard: { title: 'Market' },
    })
    expect((await ask('grafana', '/api/dashboards/uid/other')).status).toBe(404)
    expect((await ask('grafana', '/api/datasources/uid/rows/health')).answer).toMatchObject({ status: 'OK' })
    expect((await ask('grafana', '/api/datasources/uid/nowhere/health')).status).toBe(400)
    const query = { refId: 'A', datasource: { uid: 'rows' }, target: 'SELECT cluster_name FROM system.local' }
    const { answer } = await ask('grafana', '/api/ds/query', { body: { queries: [query] } })
    expect(answer).toMatchObject({ results: { A: { frames: [{ data: { values: [['stand-in']] } }] } } })
    expect(JSON.stringify((await ask('grafana', '/api/datasources')).answer)).not.toContain('password')
  })

  test('complain of what is missing: Grafana of a mount, the Kafka UI of a variable', async () => {
    const withoutDashboards = { ...GRAFANA, files: { ...GRAFANA.files, '/dashboards': { 'readme.txt': 'nothing' } } }
    expect(await lastWords(withoutDashboards)).toContain('provider all: there is no dashboard in /dashboards')
    expect(await lastWords({ ...KAFKA_UI, env: {} })).toContain('KAFKA_CLUSTERS_0_NAME is not set')
  })

  /** What it logs when it refuses to start, in a pod beside the one that does. */
  async function lastWords(one: Deployed): Promise<string> {
    const [maps, object] = [objectsOf(one).slice(0, -2), objectsOf(one).at(-2)]
    if (object === undefined) throw new Error('a deployed program has a pod')
    await cluster().api.apply(...maps)
    const name = `${one.name}-refuses`
    await cluster().api.apply({ ...object, metadata: { name, namespace: SPACE } })
    return await until(
      () => cluster().api.text(`${path}/pods/${name}/log`),
      (log) => /no dashboard|not set|serves/.test(log),
    )
  }
})

interface Asked {
  password?: string
  body?: unknown
}
interface Answer {
  status: number
  answer: unknown
}
