/** The variable by which the runtime is told how much memory the machine has. */
const VARIABLE = 'BUN_JSC_forceRAMSize'

/** What a role of its own may take the machine for. Less, and the collector's pauses are felt in the latency (measured). */
const BYTES = 256_000_000

/**
 * The runtime lets garbage grow in proportion to the memory of the machine, and reads that before any code of ours
 * runs. So the process starts once more in its own place (same process id), with less to go by: on a large machine a
 * processor then needs three quarters of the memory. It is no hard limit. Returns where that is done already, set by
 * the user, or not possible.
 */
export function limitHeap(): void {
  if (process.env[VARIABLE] !== undefined || process.platform === 'win32' || !('execve' in process)) return
  const isCompiled = Bun.main.startsWith('/$bunfs/')
  const words = isCompiled ? process.argv.slice(2) : [...process.execArgv, ...process.argv.slice(1)]
  process.execve?.(process.execPath, [process.execPath, ...words], { ...process.env, [VARIABLE]: String(BYTES) })
}
