import type { Assignment, Batch } from './broker.ts'
import { BadShare } from './bad-share.ts'
import { Committer } from './committer.ts'
import { DurabilityWatch } from './durable.ts'
import { endedBy } from './ended-by.ts'
import { FlushTimer } from './flush-timer.ts'
import { holdStill } from './hold.ts'
import type { Outlet, ProcessorOptions, Way } from './outlet.ts'
import { type Ending, runOwners } from './owners.ts'
import type { Partition } from './partition.ts'
import { QuietRun } from './quiet.ts'
import { recover } from './recovery.ts'
import { checkNothingLost, retentionGaps, type RetentionLoss } from './retention-gap.ts'
import { isPrepared, retry } from './retry.ts'
import { ensureTopics } from './topics.ts'
import { type Progress, Watchdog } from './watchdog.ts'
import { StockpipeError } from '../errors.ts'

const SEAL_AFTER_MS = 600_000
const NOTHING_LOST = 'nothing is lost: the next start goes on from the last commit'

/**
 * Role processor: log -> decode -> fold -> store -> commit, one loop per owned partition. Ends when `signal`
 * aborts, or when `drained` does and every record of the log is processed; then every window is closed. Throws what no
 * retry cures, and `stalled` where nothing moves though there is something to do.
 */
export async function runProcessor(options: ProcessorOptions, outlet: Outlet, signal: AbortSignal): Promise<void> {
  if (!(await isPrepared(signal, () => ensureTopics(options, signal)))) return
  using watchdog = new Watchdog(options)
  const stop = AbortSignal.any([signal, watchdog.stalled])
  const owners = runOwners(options, stop, (assignment, stop) => own(assignment, { options, outlet, stop, watchdog }))
  await watchdog.unlessStalled(owners)
}

interface Ownership {
  options: ProcessorOptions
  outlet: Outlet
  stop: AbortSignal
  watchdog: Watchdog
}

/**
 * Where the log turns out to be another one, or a server of the store began anew, all state is dropped, and it goes on
 * from the last commit as after a restart.
 */
async function own(assignment: Assignment, ownership: Ownership): Promise<Ending> {
  const { options, stop, watchdog } = ownership
  const { log, metrics } = options.context
  for (;;) {
    using attempt = new Attempt()
    using progress = watchdog.watch(assignment.partition)
    try {
      return await process(assignment, { ...ownership, attempt, progress })
    } catch (error) {
      if (assignment.signal.aborted || isCode(error, 'not-owner')) return 'handed-over'
      if (stop.aborted && isOutage(error)) {
        log.warn('processor.stopped_uncommitted', { partition: assignment.partition, error, note: NOTHING_LOST })
        return 'handed-over'
      }
      if (isCode(error, 'too-many-bad')) {
        attempt.abort()
        progress[Symbol.dispose]()
        const ending = await holdStill(assignment, { reason: error, position: attempt.position }, ownership)
        if (ending !== 'log-changed') return ending
        continue
      }
      if (!isCode(error, 'log-changed') && !isCode(error, 'store-restarted')) throw error
      const event = isCode(error, 'log-changed') ? 'processor.log_changed' : 'processor.store_restarted'
      log.warn(event, { partition: assignment.partition, error })
      metrics.rewinds.inc({ cause: error.code })
    }
  }
}

/** What is still under way of an attempt that was given up, ends. */
class Attempt extends AbortController implements Disposable {
  /** The first offset that is not processed. */
  position = 0;

  [Symbol.dispose](): void {
    this.abort()
  }
}

async function process(
  assignment: Assignment,
  { options, outlet, stop, attempt, progress }: Ownership & { attempt: Attempt; progress: Progress },
): Promise<Ending> {
  const { context, drained, store } = options
  const signal = AbortSignal.any([stop, assignment.signal, attempt.signal])
  const watch = await DurabilityWatch.begin(store.durability, context, signal)
  const recovered = () => recover(assignment, { ...options, stop: signal })
  const { partition, offset, fingerprint, lost } = await retry('recovery', recovered, { context, signal })
  using ended = new DisposableStack()
  ended.defer(() => outlet.left(partition))
  const committer = new Committer(assignment, { options, fingerprint, watch, stop: signal })
  const way = outlet.way(signal, assignment.signal)
  const badShare = new BadShare(options.maxBadPercent)
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
    await checkNothingLost(batch, partition, { ...options, signal })
    attempt.position = partition.unprocessed
    const result = partition.fold(batch)
    badShare.check(batch.records.length, result.bad)
    outlet.observe(partition, batch, result)
    progress.reached(partition.position, isAtEnd(batch, partition))
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
    if (isCommitDue) committer.begin(partition, acknowledged)
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
  await committer.finish(partition, acknowledged, isDrained)
  return isDrained && !assignment.signal.aborted ? 'drained' : 'handed-over'
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

const isCode = (error: unknown, code: StockpipeError['code']): error is StockpipeError =>
  error instanceof StockpipeError && error.code === code
