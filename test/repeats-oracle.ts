import type { Entry } from '../src/trade.ts'

/** A frame as the marker sees it. */
export interface OracleFrame {
  conn: number
  received: number | null
  entries: readonly Entry[]
}

/**
 * The rule for repeated deliveries, recomputed from the whole past at every step: slow, stateless, and written from
 * the definition alone. Only for one connection at a time, closed at its end.
 */
export function markWhole(frames: readonly OracleFrame[], lastCopies: number | null): number[][] {
  const decided = new Map<string, number>()
  const marks: number[][] = frames.map(() => [])
  let released = 0
  for (let now = 0; now <= frames.length; now++) {
    const isEnd = now === frames.length
    const seen = frames.slice(0, isEnd ? now : now + 1)
    const clock = isEnd ? null : (frames[now]?.received ?? null)
    for (; released < seen.length; released++) {
      const frame = frames[released]
      if (frame === undefined) break
      const isOver = isEnd || (clock !== null && frame.received !== null && clock - frame.received >= 10_000)
      const result = markFrame(frames, { released, seen: seen.length, isEnd, isOver, lastCopies, decided })
      if (result === null) break
      marks[released] = result
    }
  }
  return marks
}

interface Step {
  released: number
  seen: number
  isEnd: boolean
  isOver: boolean
  lastCopies: number | null
  decided: Map<string, number>
}

function markFrame(frames: readonly OracleFrame[], step: Step): number[] | null {
  const frame = frames[step.released]
  const marks: number[] = []
  for (const [index, entry] of (frame?.entries ?? []).entries()) {
    const arrival = arrivalOf(frames, step.released, index)
    if (arrival === 0) continue
    const copies = copiesOf(frames, entry.s, step)
    if (copies === null) return null
    if (arrival % copies !== 0) marks.push(index)
  }
  return marks
}

const nameOf = ({ s, t, p, v, c }: Entry): string => JSON.stringify([s, t, p, v, c])

function arrivalOf(frames: readonly OracleFrame[], at: number, index: number): number {
  const wanted = frames[at]?.entries[index]
  if (wanted === undefined) return 0
  const before = frames.slice(0, at).flatMap(({ entries }) => entries)
  const all = [...before, ...(frames[at]?.entries.slice(0, index) ?? [])]
  return all.filter((entry) => nameOf(entry) === nameOf(wanted)).length
}

function copiesOf(frames: readonly OracleFrame[], symbol: string, step: Step): number | null {
  const known = step.decided.get(symbol)
  const groups = votingGroups(frames.slice(0, step.seen), step.isEnd)
  const own = total(groups.filter((group) => group.symbol === symbol))
  if (known !== undefined && known > 0) {
    const better = argmax(own)
    const isOverwhelming =
      groups.some((group) => group.symbol === symbol) && (own[better - 1] ?? 0) - (own[known - 1] ?? 0) >= Math.log(1e6)
    if (!isOverwhelming) return known
    step.decided.set(symbol, better)
    return better
  }
  const decision = decideFrom(
    own,
    total(groups),
    groups.some((group) => group.symbol === symbol),
  )
  if (decision !== null) {
    step.decided.set(symbol, decision)
    return decision
  }
  if (known !== undefined) return -known
  if (!step.isOver) return null
  const guessed = step.lastCopies ?? argmax(groups.some((group) => group.symbol === symbol) ? own : total(groups))
  step.decided.set(symbol, -guessed)
  return guessed
}

function decideFrom(own: number[], all: number[], hasOwn: boolean): number | null {
  if (hasOwn && lead(own) >= Math.log(1000)) return argmax(own)
  if (lead(all) < Math.log(1000)) return null
  const shared = argmax(all)
  return hasOwn && Math.max(...own) - (own[shared - 1] ?? 0) >= Math.log(30) ? null : shared
}

interface Group {
  symbol: string
  votes: number[]
}

/** The groups that vote, in the order in which their first key matured, with the counts as they are now. */
function votingGroups(frames: readonly OracleFrame[], isEnd: boolean): Group[] {
  const keys = new Map<
    string,
    { group: string; symbol: string; count: number; frame: number; received: number | null; maturedAt: number }
  >()
  for (const [at, { entries, received }] of frames.entries()) {
    for (const entry of entries) {
      const name = nameOf(entry)
      const key = keys.get(name) ?? {
        group: `${entry.s} ${entry.t}`,
        symbol: entry.s,
        count: 0,
        frame: at,
        received,
        maturedAt: Number.POSITIVE_INFINITY,
      }
      key.count++
      keys.set(name, key)
    }
    let isBlocked = false
    for (const key of keys.values()) {
      if (key.maturedAt < Number.POSITIVE_INFINITY || isBlocked) continue
      const isDue = key.received === null || received === null ? at - key.frame >= 2 : received - key.received >= 300
      if (isDue) key.maturedAt = at
      else isBlocked = true
    }
  }
  const order: string[] = []
  const mature = [...keys.values()].filter((key) => isEnd || key.maturedAt < Number.POSITIVE_INFINITY)
  for (const { group } of mature.sort((a, b) => a.maturedAt - b.maturedAt || 0))
    if (!order.includes(group)) order.push(group)
  return order.map((group) => {
    const members = mature.filter((key) => key.group === group)
    const votes = [1, 2, 3, 4].map(
      (m) => members.reduce((sum, { count }) => sum + likelihood(count, m), 0) / members.length,
    )
    return { symbol: members[0]?.symbol ?? '', votes }
  })
}

const likelihood = (count: number, m: number): number =>
  Math.log(0.9) + (Math.ceil(count / m) - 1) * Math.log(0.1) + Math.log(count % m === 0 ? 0.99 : 0.01)

const total = (groups: readonly Group[]): number[] =>
  [0, 1, 2, 3].map((m) => groups.slice(-24).reduce((sum, { votes }) => sum + (votes[m] ?? 0), 0))
const argmax = (votes: readonly number[]): number => votes.indexOf(Math.max(...votes)) + 1
const lead = (votes: readonly number[]): number => {
  const [first = 0, second = 0] = votes.toSorted((a, b) => b - a)
  return first - second
}
