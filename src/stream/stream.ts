import type { Assignment, Batch } from './broker.ts'
import { Committer } from './committer.ts'
import { endedBy } from './ended-by.ts'
import { FlushTimer } from './flush-timer.ts'
import type { Outlet, ProcessorOptions, Way } from './outlet.ts'
import { type Ending, runOwners } from './owners.ts'
import type { Partition } from './partition.ts'
import { QuietRun } from './quiet.ts'
import { recover } from './recovery.ts'
import { checkNothingLost, retentionGaps, type RetentionLoss } from './retention-gap.ts'
import { isPrepared, retry } from './retry.ts'
import { ensureTopics } from './topics.ts'
import { StockpipeError } from '../errors.ts'

const SEAL_AFTER_MS = 600_000
const NOTHING_LOST = 'nothing is lost: the next start goes on from the last commit'

/**
 * Role processor: log -> decode -> fold -> store -> commit, one loop per owned partition. Ends when `signal`
 * aborts, or when `drained` does and every record of the log is processed; then every window is closed.
 */
export async function runProcessor(options: ProcessorOptions, outlet: Outlet, signal: AbortSignal): Promise<void> {
  if (!(await isPrepared(signal, () => ensureTopics(options, signal)))) return
  await runOwners(options, signal, (assignment, stop) => own(assignment, { options, outlet, stop }))
}

interface Ownership {
  options: ProcessorOptions
  outlet: Outlet
  stop: AbortSignal
}

/** Where the log turns out to be another one than it was, its new beginning is found as after a restart. */
async function own(assignment: Assignment, ownership: Ownership): Promise<Ending> {
  const { log } = ownership.options.context
  for (;;) {
    try {
      return await process(assignment, ownership)
    } catch (error) {
      if (assignment.signal.aborted || isCode(error, 'not-owner')) return 'handed-over'
      if (ownership.stop.aborted && isOutage(error)) {
        log.warn('processor.stopped_uncommitted', { partition: assignment.partition, error, note: NOTHING_LOST })
        return 'handed-over'
      }
      if (!isCode(error, 'log-changed')) throw error
      log.warn('processor.log_changed', { partition: assignment.partition, error })
    }
  }
}

async function process(assignment: Assignment, { options, outlet, stop }: Ownership): Promise<Ending> {
  const { context, drained } = options
  const signal = AbortSignal.any([stop, assignment.signal])
  const recovered = () => recover(assignment, options)
  const { partition, offset, fingerprint, lost } = await retry('processor', recovered, { context, signal })
  const committer = new Committer(assignment, options, fingerprint)
  const way = { queue: outlet.queue(signal), signal }
  const acknowledged = async () => {
    await way.queue.settled()
    await options.live.published(signal)
  }
  const quiet = new QuietRun()
  const timer = new FlushTimer(options.flush, context.clock)
  const tellLost = lossTeller(lost, { options, outlet, way })
  let isLive = false
  let isDrained = false
  let drainedAt = Number.POSITIVE_INFINITY
  for await (const batch of endedBy(assignment.batches(offset), signal)) {
    await checkNothingLost(batch, partition, options)
    outlet.observe(partition, batch, partition.fold(batch))
    if (!partition.isLive) continue
    await tellLost(partition)
    await outlet.learnLatest(partition, signal)
    if (!isLive) partition.engine.goLive()
    isLive = true
    quiet.observe(batch, partition.position)
    const isCommitDue = committer.isDue(partition)
    const due = timer.due(batch)
    await outlet.write(partition, partition.take({ ...due, latest: due.flush || isCommitDue }), way)
    await closeQuiet(partition, quiet, { options, outlet, way })
    if (isCommitDue) committer.begin(partition, acknowledged, signal)
    isDrained = batch.startedAt > drainedAt && isAtEnd(batch, partition)
    if (signal.aborted || isDrained) break
    if (drained.aborted && drainedAt === Number.POSITIVE_INFINITY) drainedAt = context.clock.now()
  }
  if (assignment.signal.aborted || !isLive) return 'handed-over'
  await outlet.write(partition, partition.take({ flush: true }), way)
  // The input has ended: every window is closed.
  if (isDrained && !signal.aborted)
    await outlet.write(
      partition,
      partition.engine.closeQuiet(() => true),
      way,
    )
  await committer.finish(partition, acknowledged, signal)
  return isDrained ? 'drained' : 'handed-over'
}

interface Closing {
  options: ProcessorOptions
  outlet: Outlet
  way: Way
}

/** Before the first rows are written, for they change what the store says about how far it got. */
function lossTeller(lost: RetentionLoss | null, { outlet, way }: Closing): (partition: Partition) => Promise<void> {
  let waiting = lost
  return async (partition) => {
    const { from } = partition.engine
    if (waiting === null || from === null) return
    await outlet.gaps(partition, retentionGaps(waiting, from), way.signal)
    waiting = null
  }
}

async function closeQuiet(partition: Partition, quiet: QuietRun, { options, outlet, way }: Closing): Promise<void> {
  const { idle, windows } = options
  if (quiet.silentMs < idle) return
  await outlet.write(
    partition,
    partition.engine.closeQuiet((end) => quiet.silentSince(end + windows.delay) >= idle),
    way,
  )
  const end = partition.engine.lastEnd()
  if (quiet.silentMs >= SEAL_AFTER_MS && end !== null) await outlet.seal(partition, end, way.signal)
}

const isAtEnd = (batch: Batch, partition: Partition): boolean =>
  batch.records.length === 0 && partition.position >= batch.end

/** Which would be waited for if there was time. */
const isOutage = (error: unknown): boolean => error instanceof StockpipeError && (error.retryable || error.mendable)

const isCode = (error: unknown, code: StockpipeError['code']): boolean =>
  error instanceof StockpipeError && error.code === code
