/** `deploy test`: trades on the whole way, from the log to Grafana. */
import { StockpipeError } from '../../errors.ts'
import type { Secrets } from '../../secrets.ts'
import type { ClusterSession } from '../cluster.ts'
import { jobLike } from '../job/job.ts'
import { runJob } from '../job/run-job.ts'
import { throughPod } from '../observe/ask.ts'
import { adminOf } from '../observe/grafana-login.ts'
import { type Observed, statusOf } from '../observe/status.ts'
import { podsOfPart, readyPod, workloadOf } from '../observe/workloads.ts'
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
  /** Called with each result as it comes. */
  show: (probe: Probe) => void
  /** Called with what the Job in the cluster says while it waits. */
  tell: (line: string) => void
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
  add(await tradeProbes(test))
  add(await grafanaProbes(test))
  return all
}

async function roleProbes(test: PipelineTest): Promise<Probe[]> {
  const { roles } = await statusOf(test)
  if (roles.length === 0) return [{ name: 'roles', ok: false, detail: 'no role runs', ms: 0 }]
  return roles.map(({ role, pod, notReady, version }) => ({
    name: `${role} ${pod}`,
    ok: notReady.length === 0,
    detail: notReady.join(', ') || version,
    ms: 0,
  }))
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
  return jobLike(api, {
    name: `stockpipe-test-${test.clock.now().toString(36)}`,
    args: ['setup', 'probe', `--api=${API}`, `--timeout=${seconds}s`],
    deadlineSeconds: seconds + START_SECONDS,
  })
}

async function grafanaProbes(test: PipelineTest): Promise<Probe[]> {
  if ((await podsOfPart(test, 'grafana')).length === 0) return []
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

async function installedDashboards({ cluster, namespace }: PipelineTest): Promise<string[]> {
  const maps = await cluster.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace })
  const names = maps.map(({ metadata }) => metadata.name).filter((name) => name.startsWith(DASHBOARD_MAP))
  return names.map((name) => name.slice(DASHBOARD_MAP.length))
}
