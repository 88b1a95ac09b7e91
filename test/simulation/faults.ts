import type { Dice } from './dice.ts'
import type { SimRecord } from './log.ts'
import type { Plain } from './market.ts'
import { TOPIC } from './processor.ts'
import type { Epoch, Run } from './run.ts'
import { NO_TROUBLE, type Server } from './server.ts'

/** What may happen to a run, each at a moment of its own. */
type Fault = (run: Run, dice: Dice) => void

const seatOf = (run: Run, dice: Dice) => {
  const taken = run.seats.flatMap((seat, at) => (seat === null || seat.isDead ? [] : [at]))
  return taken.length === 0 ? 0 : dice.pick(taken)
}

const outage = (server: Server, dice: Dice, longest: number) => {
  server.world.note(() => `${server.name} is away`)
  server.isDown = true
  server.world.after(dice.between(100, longest), () => {
    server.world.note(() => `${server.name} is back`)
    server.isDown = false
  })
}

const troubled = (server: Server, dice: Dice, trouble: Partial<Server['trouble']>) => {
  server.world.note(() => `${server.name} is in trouble: ${JSON.stringify(trouble)}`)
  server.trouble = { ...NO_TROUBLE, ...trouble }
  server.world.after(dice.between(500, 30_000), () => {
    server.world.note(() => `${server.name} is well`)
    server.trouble = NO_TROUBLE
  })
}

const serverOf = ({ store, log, group }: Run, dice: Dice): Server => dice.pick([store, store, log, group])

/** Everybody is killed, and comes back after `change`. */
const whileAllAreAway = (run: Run, dice: Dice, change: () => void) => {
  for (const seat of run.seats.keys()) run.crash(seat)
  change()
  run.world.after(dice.upTo(8_000), () => run.sit(0))
}

/** What was the log or the rules so far, is history. */
const newEpoch = (run: Run, change: (before: Epoch) => Epoch) => {
  const before = run.epochs.pop()
  if (before === undefined) return
  run.epochs.push({ ...before, records: before.records ?? recordsOf(run) }, change(before))
  run.watch.forget()
}

const recordsOf = (run: Run) => (run.log.topics.get(TOPIC) ?? []).map(({ records }) => [...records])

const FAULTS: Readonly<Record<string, Fault>> = {
  crash(run, dice) {
    const seat = seatOf(run, dice)
    run.crash(seat)
    run.world.after(dice.upTo(15_000), () => run.sit(seat))
  },
  stop(run, dice) {
    const seat = seatOf(run, dice)
    run.seats[seat]?.stop()
    run.world.note(() => `seat ${seat} is told to stop`)
    run.world.after(dice.between(500, 15_000), () => run.sit(seat))
  },
  freeze(run, dice) {
    const processor = run.seats[seatOf(run, dice)]
    if (processor === null || processor === undefined) return
    const ms = dice.pick([1_000, 5_000, 14_000, 40_000]) + dice.upTo(3_000)
    run.world.note(() => `${processor.name} stands still for ${ms} ms`)
    processor.frozenUntil = run.world.now + ms
  },
  join(run) {
    const free = run.seats.findIndex((seat) => seat === null || seat.isDead)
    if (free >= 0) run.sit(free)
  },
  unanswered: (run, dice) => troubled(serverOf(run, dice), dice, { unanswered: dice.pick([0.1, 0.4, 0.8]) }),
  refused: (run, dice) => troubled(serverOf(run, dice), dice, { refused: dice.pick([0.1, 0.4, 0.8]) }),
  denied: (run, dice) => troubled(serverOf(run, dice), dice, { denied: 1 }),
  fatal: (run, dice) => troubled(serverOf(run, dice), dice, { fatal: 0.1 }),
  outage: (run, dice) => outage(serverOf(run, dice), dice, 40_000),
  storeCrash(run, dice) {
    run.store.crash()
    outage(run.store, dice, 12_000)
  },
  metadata(run, dice) {
    const partition = dice.upTo(run.partitions)
    const committed = run.group.committed.get(partition)
    run.world.note(() => `what was committed of partition ${partition} is lost`)
    if (committed === undefined || dice.chance(0.5)) run.group.committed.delete(partition)
    else run.group.committed.set(partition, { ...committed, metadata: dice.pick(['', '{', '{"version":9}']) })
  },
  /** Also records that are needed no more. */
  retention(run) {
    for (const [partition, slot] of (run.log.topics.get(TOPIC) ?? []).entries()) {
      const low = run.group.committed.get(partition)?.offset ?? 0
      slot.start = Math.max(slot.start, low)
      run.world.note(() => `retention: partition ${partition} begins at ${slot.start}`)
    }
  },
  suspend(run, dice) {
    const ms = dice.pick([1_000, 30_000, 600_000, 3_600_000])
    run.world.note(() => `everything is suspended for ${ms} ms`)
    run.world.jump(ms)
  },
}

/** At most one of these in a run: each changes what the store must hold. */
const CHANGES: Readonly<Record<string, Fault>> = {
  wipe: (run, dice) =>
    whileAllAreAway(run, dice, () => {
      run.world.note(() => 'the store is made anew')
      run.store.wipe()
      run.watch.forget()
    }),
  rules: (run, dice) =>
    whileAllAreAway(run, dice, () => {
      run.rules = { ...run.rules, delay: run.rules.delay + 3_000 }
      run.world.note(() => `the delay is now ${run.rules.delay}`)
      run.isLoose = true
      newEpoch(run, (before) => ({ ...before, rules: run.rules }))
    }),
  /** The times of the new log are those of other days: rows of both would have one key. */
  remake: (run, dice) =>
    whileAllAreAway(run, dice, () => {
      newEpoch(run, (before) => ({ ...before, records: null }))
      run.log.remake(TOPIC)
      run.market.skip(2 * 86_400_000)
      run.world.note(() => 'the log is made anew')
      run.isLoose = true
    }),
  /** Records that an open window needs, or that nobody has read. */
  cut: (run, dice) =>
    whileAllAreAway(run, dice, () => {
      run.isLoose = true
      newEpoch(run, (before) => ({ ...before, records: null, cuts: cut(run, dice) }))
    }),
}

/** What is left begins with a record that was sent for the first time: a copy tells an old time of receipt. */
function cut(run: Run, dice: Dice): Map<number, number> {
  const cuts = new Map<number, number>()
  for (const [partition, slot] of (run.log.topics.get(TOPIC) ?? []).entries()) {
    const low = run.group.committed.get(partition)?.offset ?? 0
    const fresh = slot.records.filter(
      ({ offset, plain }) => offset > low && plain !== null && isFresh(plain, slot.records, offset),
    )
    if (fresh.length === 0) continue
    slot.start = dice.pick(fresh).offset
    cuts.set(partition, slot.start)
    run.world.note(() => `retention took what is needed: partition ${partition} begins at ${slot.start}`)
  }
  return cuts
}

const isFresh = (plain: Plain, records: readonly SimRecord[], offset: number): boolean =>
  plain.received !== null && records.findIndex((record) => record.plain === plain) === offset

function happen(run: Run, kind: string, dice: Dice): void {
  if (run.isHealed) return
  run.world.saw(kind)
  ;({ ...FAULTS, ...CHANGES })[kind]?.(run, dice)
}

/** Faults at their moments, over so many ms. Few kinds in each run, so that each is also tried without the others. */
export function plan(run: Run, overMs: number): void {
  const dice = run.world.dice.fork()
  const change = dice.chance(0.12) ? dice.pick(Object.keys(CHANGES)) : null
  const without =
    change === 'cut'
      ? ['metadata', 'retention']
      : ['wipe', 'rules', 'remake'].includes(change ?? '')
        ? ['retention']
        : []
  const share = dice.pick([0, 0.1, 0.3, 0.5])
  const kinds = Object.keys(FAULTS).filter((kind) => dice.chance(share) && !without.includes(kind))
  // Who starts over behind its own retention begins a history of its own.
  const chosen = kinds.includes('retention') ? kinds.filter((kind) => kind !== 'metadata') : kinds
  for (const kind of chosen)
    for (let times = dice.between(1, 3); times > 0; times--)
      run.world.after(dice.upTo(overMs), () => happen(run, kind, dice))
  if (change !== null) run.world.after(dice.upTo(overMs), () => happen(run, change, dice))
}

/** Nothing goes wrong any more, and somebody is there. */
export function heal(run: Run): void {
  run.isHealed = true
  for (const server of [run.store, run.log, run.group]) {
    server.isDown = false
    server.trouble = NO_TROUBLE
  }
  for (const processor of run.seats) if (processor !== null) processor.frozenUntil = 0
  if (!run.isAnyoneThere) run.sit(0)
}
