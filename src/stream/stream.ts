import type { Assignment } from './broker.ts'
import { Committer } from './committer.ts'
import { FlushTimer } from './flush-timer.ts'
import type { Outlet, ProcessorOptions } from './outlet.ts'
import type { Partition } from './partition.ts'
import { QuietRun } from './quiet.ts'
import { recover } from './recovery.ts'
import { runOwners } from './owners.ts'
import { ensureTopics } from './topics.ts'

const SEAL_AFTER_MS = 600_000

/**
 * Role processor: log -> decode -> fold -> store -> commit, one loop per owned partition. Ends when `signal`
 * aborts, or when `drained` does and every record of the log is processed; then every window is closed.
 */
export async function runProcessor(options: ProcessorOptions, outlet: Outlet, signal: AbortSignal): Promise<void> {
  await ensureTopics(options)
  await runOwners(options, signal, (assignment, stop) => own(assignment, { options, outlet, stop }))
}

interface Ownership {
  options: ProcessorOptions
  outlet: Outlet
  stop: AbortSignal
}

async function own(assignment: Assignment, { options, outlet, stop }: Ownership): Promise<void> {
  const { partition, offset, fingerprint } = await recover(assignment, options)
  const committer = new Committer(assignment, options, fingerprint)
  const quiet = new QuietRun()
  const flush = new FlushTimer(options.flush, options.context.clock)
  let isLive = false
  let isLastRound = false
  for await (const batch of assignment.batches(offset)) {
    await outlet.learnLatest(partition, batch)
    outlet.observe(partition, batch, partition.fold(batch))
    if (!partition.isLive) continue
    if (!isLive) partition.engine.goLive()
    isLive = true
    quiet.observe(batch, partition.position)
    const isCommitDue = isLastRound || committer.isDue(partition)
    await outlet.write(partition, partition.take({ flush: flush.isDue(batch) || isCommitDue }), stop)
    await closeQuiet(partition, quiet, { options, outlet, stop })
    if (isCommitDue) await committer.commit(partition, stop)
    const isDone = batch.records.length === 0 && partition.position >= batch.end
    if (stop.aborted || (isLastRound && isDone)) break
    isLastRound = options.drained.aborted
  }
  if (assignment.signal.aborted || !isLive) return
  await outlet.write(partition, partition.take({ flush: true }), stop)
  if (isLastRound && !stop.aborted)
    await outlet.write(
      partition,
      partition.engine.closeQuiet(() => true),
      stop,
    )
  await committer.commit(partition, stop)
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
