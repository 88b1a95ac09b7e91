import { expect, test } from 'bun:test'
import { join } from 'node:path'

import { changed } from './change.ts'
import { MUTATIONS } from './mutations.list.ts'
import { simulate } from './simulate.ts'
import type { Report } from './worker.ts'

/** One seed, with everything that happened: SEED=123 bun test test/simulation */
const SEED = process.env['SEED']
/** More by hand, from any number on: SIMULATION_SEEDS=100000 SIMULATION_FROM=20001 bun test test/simulation */
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? (process.env['CI'] ? 10_000 : 1_000))
const FROM = Number(process.env['SIMULATION_FROM'] ?? 1)
const WORKERS = 2

/** Without these having happened, the runs would prove less than they say. */
const MUST_HAPPEN = `
  crash stop freeze join unanswered refused denied fatal outage storeCrash metadata retention suspend wipe rules remake cut
  commit commit-refused member-given-up closed-by-silence revised-after-silence older-state-written
  processor.store_restarted processor.start_over processor.seal
`
  .trim()
  .split(/\s+/)

async function runSeeds(worker: number): Promise<Report> {
  const count = Math.floor((SEEDS - worker + WORKERS - 1) / WORKERS)
  const words = [FROM + worker, WORKERS, count].map(String)
  const command = [process.execPath, '--no-orphans', join(import.meta.dir, 'worker.ts'), ...words]
  await using child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' })
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  expect(errors).toBe('')
  return JSON.parse(output) as Report
}

const advice = (seed: number): string => `SEED=${seed} bun test test/simulation`

test.skipIf(SEED !== undefined)(
  `${SEEDS} runs full of trouble give exactly the rows that the rules give`,
  async () => {
    const startedAt = performance.now()
    const reports = await Promise.all(Array.from({ length: WORKERS }, (_, worker) => runSeeds(worker)))
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    for (const { failed } of reports)
      if (failed !== null) console.error(`seed ${failed.seed}: ${failed.failure}\nreplay it: ${advice(failed.seed)}`)
    expect(reports.flatMap(({ failed }) => failed ?? [])).toEqual([])
    console.log(
      `simulation: ${SEEDS} seeds from ${FROM} in ${seconds} s (CI=true: 10,000; SIMULATION_SEEDS: any number)`,
    )
    const never = MUST_HAPPEN.filter((what) => reports.every(({ seen }) => seen[what] === undefined))
    expect(SEEDS < 1_000 ? [] : never).toEqual([])
  },
  // Beside other tests it gets what time they leave.
  3_600_000,
)

test.skipIf(SEED !== undefined)('a seed always gives the same run, event by event', () => {
  for (const seed of [FROM, FROM + 1, FROM + 2, FROM + 3, FROM + 4]) {
    const [first, second] = [simulate(seed, { isTraced: true }), simulate(seed, { isTraced: true })]
    expect(first.trace.length).toBeGreaterThan(5)
    expect(Bun.hash(first.trace.join('\n'))).toBe(Bun.hash(second.trace.join('\n')))
    expect(simulate(seed).events).toBe(first.events)
  }
})

test('what the mutations change is there, exactly once', () => {
  for (const mutation of MUTATIONS) expect(changed(mutation).size).toBeGreaterThan(0)
})

const one = (seed: number) => () => {
  const { trace, failure, events } = simulate(seed, { isTraced: true })
  console.log(trace.join('\n'))
  console.log(`${events} events`)
  if (failure !== null) console.error(failure)
  expect(failure).toBeNull()
}
if (SEED !== undefined) test(`seed ${SEED}`, one(Number(SEED)))
