import { partitionOf } from '../src/stream/broker/partitioner.ts'
import type { Entry } from '../src/trade.ts'
import { oracle, type OracleRecord, type OracleResult } from './oracle.ts'

/** One frame of a recording, as it must come out of the log. */
interface NastyFrame {
  received: number | null
  skew: number
  entries: readonly Entry[]
  /** Indexes of the entries that are repeated deliveries. */
  repeats: readonly number[]
}

/** A recording with everything that goes wrong in a day, and what is really in it. */
export interface NastyRecording {
  text: string
  /** In order of receipt. */
  frames: readonly NastyFrame[]
  /** Frames and lines of which at least a part is no trade. */
  bad: number
}

const SYMBOLS = [
  'BINANCE:BTCUSDT',
  'BINANCE:ETHUSDT',
  'AAPL',
  'IC MARKETS:1',
  'OANDA:EUR_USD',
  'BRK.B',
  'ÆRØ:ØL',
  '株式 🚀',
  `"it's", 100%|\\`,
  '__proto__',
]
const MIDNIGHT = Date.UTC(2026, 2, 3)
const BAD_LINES = [
  'Bad Gateway',
  '[1,2]',
  'null',
  '{"received":1772495910000,"conn":0,"frame":',
  '{"received":"soon","conn":0,"frame":"{}"}',
  '{"received":1772495910000,"conn":-1,"frame":"{}"}',
  '{"received":1772495910000,"conn":0,"frame":7}',
]
const BAD_FRAMES = ['Bad Gateway', '{"type":"trade"}', '{"type":"trade","data":{}}', '42', '']
const OTHER_FRAMES = ['{"type":"ping"}', '{"type":"error","msg":"no"}', '{"type":"news","data":[]}', '{}']
const BAD_ENTRIES = [
  { p: -1 },
  { p: '1' },
  { p: null },
  { t: 1.5 },
  { t: 0 },
  { t: 4_102_444_800_000 },
  { v: -1 },
  { s: '' },
  { s: 7 },
  { c: 'x' },
  { c: [1] },
]

/** A small generator (mulberry32): one seed, one recording. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

class Dice {
  readonly next: () => number

  constructor(seed: number) {
    this.next = random(seed)
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.next() * items.length)] as Item
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  upTo(count: number): number {
    return Math.floor(this.next() * count)
  }
}

interface Delivered {
  conn: number
  at: number
  /** Null: no frame of trades, `text` is all there is. */
  entries: readonly Entry[] | null
  text: string
  isBad: boolean
  /** A line that is no envelope. */
  isLine: boolean
}

export function nastyRecording(seed: number, framesPerConnection = 80): NastyRecording {
  const dice = new Dice(seed)
  const hasReceipts = dice.chance(0.7)
  const copies = new Map<number, number>()
  const all: Delivered[] = []
  let start = MIDNIGHT - 90_000
  // Numbers of connections may begin anywhere: a broken line says none, and is no new one.
  const first = dice.pick([0, 7])
  for (let conn = first; conn < first + 1 + dice.upTo(3); conn++) {
    copies.set(conn, dice.pick([1, 1, 2, 2, 3]))
    const delivered = connection(dice, { conn, start, copies: copies.get(conn) ?? 1, frames: framesPerConnection })
    all.push(...delivered)
    const end = delivered.at(-1)?.at ?? start
    // One behind the other, or mixed once the first one has shown how it delivers.
    start = dice.chance(0.5) ? end + 5_000 : start + Math.floor((end - start) / 2)
  }
  const ordered = all.toSorted((a, b) => a.at - b.at)
  const newline = dice.pick(['\n', '\r\n', '\n\n'])
  const lines = ordered.map(({ conn, at, text, isLine }) =>
    isLine ? text : JSON.stringify({ received: hasReceipts ? at : null, conn, frame: text }),
  )
  return {
    text: lines.join(newline) + dice.pick(['', newline]),
    frames: framesOf(ordered, hasReceipts, copies),
    bad: ordered.filter(({ isBad }) => isBad).length,
  }
}

/** What one connection delivers: everything `copies` times, within one frame or in frames right behind one another. */
function connection(
  dice: Dice,
  { conn, start, copies, frames }: { conn: number; start: number; copies: number; frames: number },
): Delivered[] {
  const delivered: Delivered[] = []
  const ahead = dice.pick([0, 0, 0, 1_500, 8_000, 90_000])
  let now = start
  const put = (entries: readonly Entry[] | null, text: string, rest: Partial<Delivered> = {}) =>
    delivered.push({ conn, at: now, entries, text, isBad: false, isLine: false, ...rest })
  for (let frame = 0; frame < frames; frame++) {
    // At the start of a connection a twin and a long silence together could be decided by nobody.
    const isEarly = frame < 15
    now += dice.pick(isEarly ? [20, 120, 400] : [0, 20, 120, 400, 900, 1_000, 2_500, 17_000, 40_000])
    const prints = Array.from({ length: 1 + dice.upTo(5) }, () => print(dice, now, ahead))
    const real = !isEarly && dice.chance(0.1) ? [...prints, ...prints.slice(0, 1)] : prints
    if (dice.chance(0.5)) put(...tradeFrame(dice, Array.from({ length: copies }, () => real).flat()))
    else
      for (let copy = 0; copy < copies; copy++) {
        put(...tradeFrame(dice, real))
        now += dice.pick([0, 3, 60])
        if (dice.chance(0.05)) put(null, dice.pick(BAD_LINES), { isBad: true, isLine: true })
      }
    if (dice.chance(0.03)) put(null, dice.pick(OTHER_FRAMES))
    if (dice.chance(0.03)) put(null, dice.pick(BAD_FRAMES), { isBad: true })
    if (dice.chance(0.03)) put(null, dice.pick(BAD_LINES), { isBad: true, isLine: true })
  }
  return delivered
}

/** A frame of these entries, now and then with one among them that is no trade. */
function tradeFrame(dice: Dice, entries: readonly Entry[]): [readonly Entry[], string, Partial<Delivered>] {
  const isBad = dice.chance(0.08)
  const data: unknown[] = entries.map(({ c, ...entry }) => (c === null && dice.chance(0.5) ? entry : { ...entry, c }))
  const bad = dice.chance(0.2) ? dice.pick([null, 7, 'x', []]) : { ...entries[0], ...dice.pick(BAD_ENTRIES) }
  if (isBad) data.splice(dice.upTo(data.length + 1), 0, bad)
  return [entries, JSON.stringify({ data, type: 'trade' }), { isBad }]
}

const LATE = [-3_000, -14_999, -15_000, -15_001, -16_000, -61_000, -400_000, -1_000_000, -4_000_000, -90_000_000]
const FUTURE = [4_000, 5_000, 5_001, 9_000, 3_600_000]

function print(dice: Dice, now: number, ahead: number): Entry {
  const shift = dice.chance(0.8) ? -dice.upTo(900) : dice.chance(0.1) ? dice.pick(FUTURE) : dice.pick(LATE)
  const grid = dice.chance(0.15) ? dice.pick([1_000, 5_000, 60_000, 900_000]) : 1
  return {
    c: dice.chance(0.3) ? dice.pick([[], ['1'], ['1', '12'], ['a,b', '"']]) : null,
    p: Math.round(1e4 + dice.next() * 1e3) / 100,
    s: dice.pick(SYMBOLS),
    t: Math.floor((now + ahead + shift) / grid) * grid,
    v: dice.chance(0.08) ? 0 : Math.round(dice.next() * 1e6) / 1e4 + 0.0001,
  }
}

/** The frames of trades with what the rules make of them: of a connection that delivers m times, arrival j counts when m divides j. */
function framesOf(ordered: readonly Delivered[], hasReceipts: boolean, copies: ReadonlyMap<number, number>) {
  const arrivals = new Map<string, number>()
  const samples = new Map<number, number[]>()
  return ordered.flatMap(({ conn, at, entries }) => {
    if (entries === null) return []
    const repeats = entries.flatMap((entry, index) => {
      const name = JSON.stringify([conn, entry.s, entry.t, entry.p, entry.v, entry.c])
      const arrival = arrivals.get(name) ?? 0
      arrivals.set(name, arrival + 1)
      return arrival % (copies.get(conn) ?? 1) === 0 ? [] : [index]
    })
    const before = samples.get(conn) ?? []
    samples.set(conn, [...before, ...entries.map(({ t }) => t - at)])
    return [{ received: hasReceipts ? at : null, skew: hasReceipts ? skewOf(before) : 0, entries, repeats }]
  })
}

/** How far the feed's clock was ahead, by the last 100 of these leads. */
function skewOf(leads: readonly number[]): number {
  if (leads.length < 20) return 0
  const last = leads.slice(-100).toSorted((a, b) => a - b)
  const half = last.length / 2
  const middle = [last[Math.ceil(half) - 1] ?? 0, last[Math.floor(half)] ?? 0]
  return Math.max(0, Math.round(((middle[0] ?? 0) + (middle[1] ?? 0)) / 2))
}

/** The log of each of so many partitions. Records without a receipt are judged by the log's clock: far later than these trades. */
export function logsOf({ frames }: NastyRecording, partitions: number): Map<number, OracleRecord[]> {
  const logs = new Map<number, OracleRecord[]>()
  for (const { received, skew, entries, repeats } of frames) {
    for (const symbol of new Set(entries.map(({ s }) => s))) {
      const indexes = [...entries.keys()].filter((index) => entries[index]?.s === symbol)
      const partition = partitionOf(symbol, partitions)
      const log = logs.get(partition) ?? []
      logs.set(partition, log)
      log.push({
        offset: log.length,
        timestamp: Number.MAX_SAFE_INTEGER,
        received,
        skew,
        repeats: indexes.flatMap((index, at) => (repeats.includes(index) ? [at] : [])),
        entries: indexes.map((index) => entries[index] as Entry),
      })
    }
  }
  return logs
}

/** What the rules give for each partition: each has a watermark of its own. */
export const expectedOf = (recording: NastyRecording, partitions: number): Map<number, OracleResult> =>
  new Map([...logsOf(recording, partitions)].map(([partition, records]) => [partition, oracle(records)]))

/** The newest price of each symbol: of equal times the last one in the log. A price update counts, a quarantined trade does not. */
export function latestOf(recording: NastyRecording): Map<string, { t: number; p: number }> {
  const latest = new Map<string, { t: number; p: number }>()
  for (const { received, skew, entries, repeats } of recording.frames) {
    for (const [index, { s, t, p }] of entries.entries()) {
      const isFuture = received !== null && t > received + skew + 5_000
      if (isFuture || repeats.includes(index) || t < (latest.get(s)?.t ?? 0)) continue
      latest.set(s, { t, p })
    }
  }
  return latest
}
