/**
 * Seeds in a process of their own: `bun test/simulation/worker.ts FROM STEP COUNT`. Prints one line of JSON (`Report`);
 * ends with the first seed that fails.
 */
import { simulate } from './simulate.ts'

export interface Report {
  seeds: number
  failed: { seed: number; failure: string } | null
  seen: Record<string, number>
}

if (import.meta.main) {
  const [from = 1, step = 1, count = 1] = process.argv.slice(2).map(Number)
  process.stdout.write(`${JSON.stringify(await runSeeds({ from, step, count }))}\n`)
  process.exit(0)
}

async function runSeeds({ from, step, count }: { from: number; step: number; count: number }): Promise<Report> {
  const seen: Record<string, number> = {}
  for (let done = 0; done < count; done++) {
    const seed = from + done * step
    const outcome = simulate(seed)
    // What is only weakly held is let go between two turns.
    await new Promise(setImmediate)
    for (const what of outcome.seen.keys()) seen[what] = (seen[what] ?? 0) + 1
    if (outcome.failure !== null) return { seeds: done + 1, failed: { seed, failure: outcome.failure }, seen }
  }
  return { seeds: count, failed: null, seen }
}
