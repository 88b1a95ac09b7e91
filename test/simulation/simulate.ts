import { current, differences, isShort, lastEnd } from './check.ts'
import { heal, plan } from './faults.ts'
import { TOPIC } from './processor.ts'
import { Run } from './run.ts'

export interface Outcome {
  seed: number
  /** What went wrong; null: nothing. */
  failure: string | null
  events: number
  trace: readonly string[]
  /** What happened, and how often. */
  seen: ReadonlyMap<string, number>
}

const SEAL_AFTER_MS = 600_000
/** After all is well again, everybody must have come to terms with it by then. */
const SETTLE_MS = 60_000
const LIMIT_MS = 600_000

/** One run from its start to its end. The same seed always gives the same one. */
export function simulate(seed: number, { isTraced = false } = {}): Outcome {
  const run = new Run(seed, isTraced)
  using _world = run.world
  let failure: string | null = null
  try {
    whole(run)
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  const { events, trace, seen } = run.world
  return { seed, failure, events, trace: [...trace], seen }
}

function whole(run: Run): void {
  const { world } = run
  const { dice } = world
  run.sit(0)
  if (dice.chance(0.3)) run.sit(1)
  const traded = trade(run)
  world.run(traded)
  world.note(() => 'from here on all is well')
  pass(run, 50_000)
  heal(run)
  run.quietSince = world.now
  keepSomebodyThere(run)
  pass(run, dice.upTo(SETTLE_MS))
  if (dice.chance(0.4)) comeBack(run)
  // Else what came last in the trouble is what is newest.
  const isFresh = dice.chance(0.6)
  if (isFresh) run.append(run.market.fresh(world.now))
  finish(run)
  if (isFresh && run.isDraining) checkLastCommit(run)
  const wrong = differences(run)
  if (wrong.length > 0) throw new Error(`${wrong.length} differences:\n${wrong.slice(0, 12).join('\n')}`)
}

/** The producer and everybody else were away: it sends once more what it has no answer for. */
function comeBack(run: Run): void {
  for (const [seat, processor] of run.seats.entries()) {
    if (processor === null || processor.isDead || run.world.dice.chance(0.3)) continue
    run.crash(seat)
    run.world.after(run.world.dice.upTo(6_000), () => run.sit(seat))
  }
  pass(run, 6_001)
  for (let times = run.world.dice.between(1, 4); times > 0; times--) run.append(run.market.again())
  if (run.world.dice.chance(0.5)) run.append(run.market.atSameTime(run.world.now))
  // Until those who were killed are missed: who ends with the input does not wait for what was theirs.
  pass(run, 30_000 + run.world.dice.upTo(20_000))
}

/** Lets time pass. */
function pass({ world }: Run, ms: number): void {
  const until = world.now + ms
  let isOver = false
  world.after(ms, () => (isOver = true))
  world.run(() => isOver || world.now > until)
}

/** Starts the feed and what disturbs it; answers how to know that the feed has ended. */
function trade(run: Run): () => boolean {
  const { world, market } = run
  const { dice } = world
  const pace = dice.pick([100, 600, 2_500])
  let left = dice.between(10, 45)
  const next = () => {
    run.append(market.next(world.now))
    if (--left <= 0) return
    const isLull = dice.chance(0.04)
    world.after(isLull ? dice.between(5_000, 60_000) : dice.upTo(2 * pace), next)
  }
  world.after(dice.upTo(5_000), next)
  plan(run, left * pace + 10_000)
  return () => left <= 0
}

/** Whoever stops after the end of the trouble is followed by somebody else. */
function keepSomebodyThere(run: Run): void {
  run.world.after(5_000, () => {
    if (run.isDraining) return
    if (!run.isAnyoneThere) run.sit(0)
    keepSomebodyThere(run)
  })
}

/** By the end of the input, by silence, or by the seal that follows a long silence. */
function finish(run: Run): void {
  const { world } = run
  const way = world.dice.next()
  if (way < 0.5) return drain(run)
  const open = lastEnd(run)
  const isLive = open > world.now - 3_600_000
  if (isLive && open < world.now + 120_000) pass(run, Math.max(0, open + run.rules.delay - world.now))
  pass(run, run.idle + SETTLE_MS)
  if (way < 0.9) return
  pass(run, SEAL_AFTER_MS + SETTLE_MS)
  for (const oracle of current(run))
    for (const [key, { end, kind }] of oracle.windows)
      if (isShort(kind) && end > oracle.watermark)
        throw new Error(`${key} is open, though there is a long silence: no seal`)
}

function drain(run: Run): void {
  const { world } = run
  world.note(() => 'the input has ended')
  run.isDraining = true
  run.drained.abort()
  const until = world.now + LIMIT_MS
  world.run(() => run.seats.every((seat) => seat === null || seat.isDead) || world.now > until)
  if (world.now > until) throw new Error('the processors do not end after the end of the input')
}

/** What came after all trouble is covered; without it there is nothing to commit, and an older state may be the last one. */
function checkLastCommit(run: Run): void {
  const { group } = run
  for (let partition = 0; partition < run.partitions; partition++) {
    const end = run.log.slot(TOPIC, partition).records.length
    const metadata = group.committed.get(partition)?.metadata ?? '{}'
    const { processed } = JSON.parse(metadata) as { processed?: number }
    if (end > 0 && processed !== end - 1)
      throw new Error(`partition ${partition} ends at ${end}, but ${String(processed)} was committed last`)
  }
}
