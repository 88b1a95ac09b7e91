/** `deploy test`: trades on the whole way, from the log to Grafana. */
import { StockpipeError } from '../../errors.ts'
import type { Secrets } from '../../secrets.ts'
import type { ClusterSession } from '../cluster.ts'
import { readInventory } from '../inventory.ts'
import { numberAt } from '../fields.ts'
import { jobLike } from '../job/job.ts'
import { runJob } from '../job/run-job.ts'
import { throughPod } from '../observe/ask.ts'
import { adminOf } from '../observe/grafana-login.ts'
import { faultsOf, type Observed, ROLES, statusOf } from '../observe/status.ts'
import { nameOf, type Part, readyPod, workloadOf } from '../observe/workloads.ts'
import { learnSecrets } from '../secrets.ts'
import { probeGrafana } from './grafana.ts'
import type { Probe } from './junit.ts'
import { tried } from './tried.ts'

const GRAFANA_PORT = 3000
/** How the ConfigMap of a dashboard is called, before its name. */
const DASHBOARD_MAP = 'grafana-dashboard-'
const API = 'http://stockpipe-api:8080'
/** What the Job may take longer than its command, to be placed and to load its image. */
const START_SECONDS = 120

export interface PipelineTest extends Observed {
  session: Pick<ClusterSession, 'forward' | 'logs'>
  /** What is shown and told holds none of them. */
  secrets: Secrets
  signal: AbortSignal
  timeoutMs: number
  /** Whether trades go the whole way, by a Job; else nothing is written. */
  sendsTrades: boolean
  /** Called with each result as it comes. */
  show: (probe: Probe) => void
  /** Called with what the Job in the cluster says while it waits. */
  tell: (line: string) => void
}

const NOT_SENT: Probe = {
  name: 'trades',
  ok: true,
  isLeftOut: true,
  detail: 'none sent, for nothing was changed since some came through: stockpipe deploy test sends trades through',
  ms: 0,
}

/** Everything that was tried. It goes on behind a failure: the next parts may tell more. */
export async function testPipeline(test: PipelineTest): Promise<Probe[]> {
  await learnSecrets(test)
  const all: Probe[] = []
  const add = (found: readonly Probe[]) => {
    const probes = found.map((probe) => ({ ...probe, detail: test.secrets.hide(probe.detail) }))
    for (const probe of probes) test.show(probe)
    all.push(...probes)
  }
  add(await roleProbes(test))
  add(test.sendsTrades ? await tradeProbes(test) : [NOT_SENT])
  add(await grafanaProbes(test))
  return all
}

/** One of each role, whether or not anything of it runs. */
async function roleProbes(test: PipelineTest): Promise<Probe[]> {
  const status = await statusOf(test)
  return ROLES.map((role) => {
    const faults = faultsOf(status, role)
    const count = status.workloads.find(({ name }) => name === nameOf(role))?.count ?? ''
    const versions = new Set(status.roles.filter((said) => said.role === role).map(({ version }) => version))
    const isOk = faults.length === 0
    return {
      name: role,
      ok: isOk,
      detail: isOk ? [`${count} ready`, ...versions].join(', ') : faults.join('; '),
      ms: 0,
    }
  })
}

/** A line of `setup probe`: stage, ok, how long. */
const STAGE = /^(\S.*?)\s+ok\s+(\d+) ms$/

async function tradeProbes(test: PipelineTest): Promise<Probe[]> {
  const stages: Probe[] = []
  const said: string[] = []
  const line = (text: string) => {
    const [, stage, ms] = STAGE.exec(text) ?? []
    if (stage === undefined) {
      said.push(text.trim())
      test.tell(test.secrets.hide(text))
    } else stages.push({ name: `trades: ${stage}`, ok: true, detail: 'reached', ms: Number(ms) })
  }
  const whole = await tried(test.clock, 'trades', async () => {
    const code = await runJob(await probeJob(test), { ...test, line })
    if (code === 0 && stages.length > 0) return `${stages.length} stages`
    throw new StockpipeError('not-ready', said.slice(-3).join(' ') || `the test trades ended with code ${code}`)
  })
  return [...stages, whole]
}

async function probeJob(test: PipelineTest) {
  const api = await workloadOf(test, 'api')
  if (api === null) throw new StockpipeError('not-found', `the api is not installed in ${test.namespace}`)
  const seconds = Math.ceil(test.timeoutMs / 1_000)
  const brokers = numberAt(await workloadOf(test, 'kafka'), 'spec', 'replicas') || 1
  return jobLike(api, {
    name: `stockpipe-test-${test.clock.now().toString(36)}`,
    args: ['setup', 'probe', `--api=${API}`, `--nodes=${brokers}`, `--timeout=${seconds}s`],
    deadlineSeconds: seconds + START_SECONDS,
  })
}

async function grafanaProbes(test: PipelineTest): Promise<Probe[]> {
  if (!(await isInstalled(test, 'grafana'))) return []
  const probes: Probe[] = []
  const whole = await tried(test.clock, 'grafana', async () => {
    const pod = await readyPod(test, 'grafana')
    const login = await adminOf(test)
    const dashboards = await installedDashboards(test)
    const { clock, signal, timeoutMs } = test
    const found = await throughPod(test, { pod, port: GRAFANA_PORT }, (url) =>
      probeGrafana({ url, ...login, clock, signal, timeoutMs, dashboards }),
    )
    probes.push(...found)
    return ''
  })
  return whole.ok ? probes : [whole]
}

/** Also where somebody has deleted it since. */
async function isInstalled(test: PipelineTest, part: Part): Promise<boolean> {
  if ((await workloadOf(test, part)) !== null) return true
  const inventory = await readInventory(test.cluster, test.namespace)
  return inventory?.objects.some(({ kind, name }) => `${kind} ${name}` === nameOf(part)) === true
}

async function installedDashboards({ cluster, namespace }: PipelineTest): Promise<string[]> {
  const maps = await cluster.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace })
  const names = maps.map(({ metadata }) => metadata.name).filter((name) => name.startsWith(DASHBOARD_MAP))
  return names.map((name) => name.slice(DASHBOARD_MAP.length))
}
