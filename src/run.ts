import { systemClock } from './clock.ts'
import type { Settings } from './config.ts'
import { startConsole } from './run/console.ts'
import { openPipeline, type Surroundings } from './run/pipeline.ts'
import { stopSignal } from './run/signals.ts'
import { supervise } from './supervisor.ts'

/** How long (ms) all roles together may take to stop. */
const DRAIN_MS = 10_000

/**
 * Runs the roles of this process until their work is done or a signal stops them, and resolves to the exit code.
 * Works as process 1: signals are handled from the first moment on.
 */
export async function runPipeline(settings: Settings, around: Surroundings): Promise<number> {
  using stop = stopSignal(systemClock)
  await using pipeline = await openPipeline(settings, around)
  const { clock, log } = pipeline.context
  using _console = startConsole(pipeline)
  await supervise(pipeline.tasks, { clock, log, stop: stop.signal, drainMs: DRAIN_MS })
  return 0
}
