import type { Clock } from './clock.ts'
import { StockpipeError } from './errors.ts'
import type { Log } from './telemetry.ts'

/** A part of the process that runs until it is told to stop, or until its work is done. */
export interface Task {
  name: string
  /** Started after these, and stopped before them. */
  needs: readonly string[]
  run(signal: AbortSignal): Promise<void>
}

export interface Supervision {
  clock: Clock
  log: Log
  /** Aborts when the process is asked to stop. */
  stop: AbortSignal
  /** How long (ms) all tasks together may take to stop. */
  drainMs: number
}

/**
 * Runs tasks by `needs` until all are done, one fails, or `stop` aborts; then stops what still runs, in reverse.
 * Throws the first failure, or `internal` when a task does not stop in time.
 */
export async function supervise(tasks: readonly Task[], { clock, log, stop, drainMs }: Supervision): Promise<void> {
  const failed = new AbortController()
  const running = inOrder(tasks).map((task) => start(task, failed))
  const allDone = Promise.all(running.map(({ done }) => done))
  await Promise.race([allDone, aborted(stop), aborted(failed.signal)])
  const timeout = new AbortController()
  const late = clock.sleep(drainMs, timeout.signal).then(() => 'late' as const)
  for (const { task, controller, done } of running.toReversed()) {
    controller.abort()
    if ((await Promise.race([done, late])) !== 'late' || timeout.signal.aborted) continue
    log.error('run.stop_timeout', { task: task.name, after_ms: drainMs })
    throw new StockpipeError('internal', `${task.name} did not stop within ${drainMs / 1000} s`, {
      why: 'it still waits for something; nothing acknowledged is lost, the next start goes on from the last commit',
    })
  }
  timeout.abort()
  if (failed.signal.aborted) throw failed.signal.reason
}

function start(task: Task, failed: AbortController) {
  const controller = new AbortController()
  const run = async (): Promise<void> => {
    try {
      await task.run(controller.signal)
    } catch (error) {
      if (!failed.signal.aborted) failed.abort(error)
    }
  }
  return { task, controller, done: run() }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** Tasks behind what they need. A need that is not among the tasks runs elsewhere and is no matter here. */
function inOrder(tasks: readonly Task[]): Task[] {
  const names = new Set(tasks.map(({ name }) => name))
  const ordered: Task[] = []
  const placed = new Set<string>()
  while (ordered.length < tasks.length) {
    const next = tasks.find(
      ({ name, needs }) => !placed.has(name) && needs.every((need) => placed.has(need) || !names.has(need)),
    )
    if (next === undefined) throw new StockpipeError('internal', 'tasks need each other in a circle')
    ordered.push(next)
    placed.add(next.name)
  }
  return ordered
}
