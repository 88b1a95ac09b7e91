import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Cluster, ClusterSession } from '../cluster.ts'
import { at, condition, listAt, textAt } from '../fields.ts'
import { type KubeObject, refOf } from '../object.ts'
import { unlessInterrupted } from '../interrupted.ts'
import { LogPlace } from '../log-place.ts'
import { readOn } from '../observe/read-on.ts'
import { lookAt, podsOf, type Scene, standingsOf } from '../rollout/look.ts'
import { Patience } from '../rollout/patience.ts'

const LOOK_EVERY_MS = 1_000
/** So often the log of a Job that has ended is asked for: the node may be away for good. */
const LAST_TRIES = 5

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
  const takeAway = () => run.cluster.remove(refOf(job), { isCleanup: true })
  let code: number
  try {
    await run.cluster.apply(job, { dryRun: false, force: false })
    await handOn(await startedPod(job, run), job, run)
    code = await exitCode(job, run)
  } catch (error) {
    // Where it cannot be taken away either, it ends and goes by itself.
    await takeAway().catch(() => undefined)
    throw error
  }
  await takeAway()
  return code
}

async function startedPod(job: KubeObject, run: JobRun): Promise<KubeObject> {
  const patience = new Patience(run.clock)
  for (;;) {
    const scene = await look(job, run)
    const [standing] = standingsOf(scene)
    const pod = podOf(scene)
    if (pod !== undefined && hasStarted(pod, ownContainer(job))) return pod
    if (standing?.state === 'failed') throw cannotStart(job, standing.why)
    patience.remember([standing?.trouble ?? null])
    if (standing?.trouble && patience.isHopeless(standing.trouble))
      throw cannotStart(job, standing.trouble.why, standing.trouble.advice)
    await run.clock.sleep(LOOK_EVERY_MS, run.signal)
  }
}

function look(job: KubeObject, run: JobRun): Promise<Scene> {
  const told = () => new StockpipeError('not-ready', `interrupted while Job ${job.metadata.name} was at work`)
  return unlessInterrupted(run.signal, told, async () => {
    const scene = await lookAt(run, [job])
    if (podOf(scene) === undefined && (await run.cluster.get(refOf(job))) === null) throw isGone(job)
    return scene
  })
}

const podOf = ({ workloads, pods }: Scene): KubeObject | undefined =>
  workloads.flatMap((workload) => podsOf(workload, pods))[0]

/** What was put beside ours by others may come first, end before it, or go on behind it. */
const ownContainer = (job: KubeObject): string =>
  textAt(listAt(job, 'spec', 'template', 'spec', 'containers')[0], 'name')

const stateOf = (pod: KubeObject, container: string): unknown =>
  at(
    listAt(pod, 'status', 'containerStatuses').find((status) => textAt(status, 'name') === container),
    'state',
  )

const hasEnded = (pod: KubeObject, container: string): boolean =>
  at(stateOf(pod, container), 'terminated') !== undefined

const hasStarted = (pod: KubeObject, container: string): boolean =>
  at(stateOf(pod, container), 'running') !== undefined || hasEnded(pod, container)

/** Somebody in between may end a quiet connection: only the log of what had ended before it was asked is whole. */
async function handOn(started: KubeObject, job: KubeObject, run: JobRun): Promise<void> {
  const { namespace, clock, signal } = run
  const log = { namespace, pod: started.metadata.name, container: ownContainer(job) }
  const place = new LogPlace()
  let lastTries = 0
  for (let pod: KubeObject | undefined = started; pod !== undefined; pod = podOf(await look(job, run))) {
    const isLast = hasEnded(pod, log.container)
    const error = await readOn({ ...log, follow: !isLast, tail: null, place }, run)
    if (isLast && !error?.retryable) return
    if (isLast && ++lastTries === LAST_TRIES) return run.line(notRead(job, error))
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

async function exitCode(job: KubeObject, run: JobRun): Promise<number> {
  for (;;) {
    const scene = await look(job, run)
    const pod = podOf(scene)
    const code = pod && at(stateOf(pod, ownContainer(job)), 'terminated', 'exitCode')
    if (typeof code === 'number') return code
    const [workload] = scene.workloads
    // Its pod may have gone with the node.
    if (condition(workload, 'Complete') !== undefined) return 0
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

const notRead = (job: KubeObject, error: StockpipeError | null): string =>
  `the log of Job ${job.metadata.name} could not be read to its end, its exit code counts all the same: ${error?.why ?? error?.message}`

const isGone = (job: KubeObject): StockpipeError =>
  new StockpipeError('not-found', `Job ${job.metadata.name} is gone, and how it ended is not known`, {
    why: 'somebody deleted it, or it ended long ago and the cluster cleared it away',
    hint: 'run this again, and let nobody delete Jobs of this namespace meanwhile',
  })
