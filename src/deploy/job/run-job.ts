import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Cluster, ClusterSession } from '../cluster.ts'
import { at, condition, listAt, textAt } from '../fields.ts'
import { type KubeObject, refOf } from '../object.ts'
import { lookAt, podsOf, type Scene, standingsOf } from '../rollout/look.ts'
import { Patience } from '../rollout/patience.ts'

const LOOK_EVERY_MS = 1_000

export interface JobRun {
  cluster: Cluster
  session: Pick<ClusterSession, 'logs'>
  clock: Clock
  namespace: string
  signal: AbortSignal
  /** Called with each line that the Job writes. */
  line: (text: string) => void
}

/**
 * Makes the Job, hands on what it writes and resolves to its exit code; takes the Job away again, also when it fails or
 * we are interrupted. Throws `not-ready` when it cannot start, or ran out of time.
 */
export async function runJob(job: KubeObject, run: JobRun): Promise<number> {
  await run.cluster.apply(job, { dryRun: false, force: false })
  try {
    const pod = await startedPod(job, run)
    await handOn(pod, run)
    return await exitCode(job, run)
  } finally {
    await run.cluster.remove(refOf(job))
  }
}

async function startedPod(job: KubeObject, run: JobRun): Promise<KubeObject> {
  const patience = new Patience(run.clock)
  for (;;) {
    const scene = await look(job, run)
    const [standing] = standingsOf(scene)
    const pod = podOf(scene)
    if (pod !== undefined && hasStarted(pod)) return pod
    if (standing?.state === 'failed') throw cannotStart(job, standing.why)
    patience.remember([standing?.trouble ?? null])
    if (standing?.trouble && patience.isHopeless(standing.trouble))
      throw cannotStart(job, standing.trouble.why, standing.trouble.advice)
    await run.clock.sleep(LOOK_EVERY_MS, run.signal)
  }
}

async function look(job: KubeObject, run: JobRun): Promise<Scene> {
  if (run.signal.aborted)
    throw new StockpipeError('not-ready', `interrupted while Job ${job.metadata.name} was at work`)
  return lookAt(run, [job])
}

const podOf = ({ workloads, pods }: Scene): KubeObject | undefined =>
  workloads.flatMap((workload) => podsOf(workload, pods))[0]

const states = (pod: KubeObject) => listAt(pod, 'status', 'containerStatuses').map((status) => at(status, 'state'))

const hasStarted = (pod: KubeObject): boolean =>
  states(pod).some((state) => at(state, 'running') !== undefined || at(state, 'terminated') !== undefined)

async function handOn(pod: KubeObject, { session, namespace, signal, line }: JobRun): Promise<void> {
  const [container] = listAt(pod, 'spec', 'containers')
  const asked = { namespace, pod: pod.metadata.name, container: textAt(container, 'name'), follow: true, tail: null }
  for await (const text of session.logs(asked, signal)) line(text)
}

async function exitCode(job: KubeObject, run: JobRun): Promise<number> {
  for (;;) {
    const scene = await look(job, run)
    const ended = states(podOf(scene) ?? job).map((state) => at(state, 'terminated', 'exitCode'))
    const code = ended.find((code) => typeof code === 'number')
    if (code !== undefined) return code
    const [workload] = scene.workloads
    const failed = condition(workload, 'Failed')
    if (failed !== undefined)
      throw new StockpipeError('not-ready', `Job ${job.metadata.name} did not end by itself`, {
        why: textAt(failed, 'message') || textAt(failed, 'reason'),
        hint: 'give it more time: --timeout',
      })
    await run.clock.sleep(LOOK_EVERY_MS, run.signal)
  }
}

const cannotStart = (job: KubeObject, why: string, hint?: string): StockpipeError =>
  new StockpipeError('not-ready', `Job ${job.metadata.name} cannot start`, { why, hint })
