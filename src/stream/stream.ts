import type { Assignment, Batch } from './broker.ts'
import { Committer } from './committer.ts'
import { FlushTimer } from './flush-timer.ts'
import type { Outlet, ProcessorOptions } from './outlet.ts'
import { type Ending, runOwners } from './owners.ts'
import type { Partition } from './partition.ts'
import { QuietRun } from './quiet.ts'
import { recover } from './recovery.ts'
import { retry } from './retry.ts'
import { ensureTopics } from './topics.ts'
import { StockpipeError } from '../errors.ts'

const SEAL_AFTER_MS = 600_000

/**
 * Role processor: log -> decode -> fold -> store -> commit, one loop per owned partition. Ends when `signal`
 * aborts, or when `drained` does and every record of the log is processed; then every window is closed.
 */
export async function runProcessor(options: ProcessorOptions, outlet: Outlet, signal: AbortSignal): Promise<void> {
  await ensureTopics(options, signal)
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
      if (!isCode(error, 'log-changed')) throw error
      log.warn('processor.log_changed', { partition: assignment.partition, error })
    }
  }
}

async function process(assignment: Assignment, { options, outlet, stop }: Ownership): Promise<Ending> {
  const { context, drained } = options
  const until = AbortSignal.any([stop, assignment.signal])
  const recovered = () => recover(assignment, options)
  const { partition, offset, fingerprint } = await retry('processor', recovered, { context, signal: until })
  const committer = new Committer(assignment, options, fingerprint)
  const commit = async () => {
    await options.live.published(until)
    await committer.commit(partition, until)
  }
  const quiet = new QuietRun()
  const flush = new FlushTimer(options.flush, context.clock)
  let isLive = false
  let drainedAt = Number.POSITIVE_INFINITY
  for await (const batch of assignment.batches(offset)) {
    await outlet.learnLatest(partition, batch, until)
    outlet.observe(partition, batch, partition.fold(batch))
    if (!partition.isLive) continue
    if (!isLive) partition.engine.goLive()
    isLive = true
    quiet.observe(batch, partition.position)
    const isLastRound = batch.startedAt > drainedAt
    const isCommitDue = isLastRound || committer.isDue(partition)
    await outlet.write(partition, partition.take({ flush: flush.isDue(batch) || isCommitDue }), until)
    await closeQuiet(partition, quiet, { options, outlet, stop: until })
    if (isCommitDue) await commit()
    if (until.aborted) break
    if (isLastRound && isAtEnd(batch, partition)) return finish(partition, commit, { outlet, until })
    if (drained.aborted && drainedAt === Number.POSITIVE_INFINITY) drainedAt = context.clock.now()
  }
  if (assignment.signal.aborted || !isLive) return 'handed-over'
  await outlet.write(partition, partition.take({ flush: true }), until)
  await commit()
  return 'handed-over'
}

/** The input has ended: every window is closed. */
async function finish(
  partition: Partition,
  commit: () => Promise<void>,
  { outlet, until }: { outlet: Outlet; until: AbortSignal },
): Promise<Ending> {
  await outlet.write(partition, partition.take({ flush: true }), until)
  await outlet.write(
    partition,
    partition.engine.closeQuiet(() => true),
    until,
  )
  await commit()
  return 'drained'
}

async function closeQuiet(partition: Partition, quiet: QuietRun, { options, outlet, stop }: Ownership): Promise<void> {
  const { idle, windows } = options
  if (quiet.silentMs < idle) return
  await outlet.write(
    partition,
    partition.engine.closeQuiet((end) => quiet.silentSince(end + windows.delay) >= idle),
    stop,
  )
  const end = partition.engine.lastEnd()
  if (quiet.silentMs >= SEAL_AFTER_MS && end !== null) await outlet.seal(partition, end, stop)
}

const isAtEnd = (batch: Batch, partition: Partition): boolean =>
  batch.records.length === 0 && partition.position >= batch.end

const isCode = (error: unknown, code: StockpipeError['code']): boolean =>
  error instanceof StockpipeError && error.code === code
