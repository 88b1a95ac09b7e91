import { partitionOf } from '../src/stream/broker/partitioner.ts'
import type { Entry } from '../src/trade.ts'
import { oracle, type OracleRecord, type OracleResult } from './oracle.ts'

/** A recording with everything that goes wrong in a day, and the prints that are really in it. */
export interface NastyRecording {
  text: string
  /** Entries in order of receipt, those that are repeated deliveries marked. */
  frames: readonly { received: number | null; skew: number; entries: readonly Entry[]; repeats: readonly number[] }[]
}

const SYMBOLS = ['BINANCE:BTCUSDT', 'BINANCE:ETHUSDT', 'AAPL', 'MSFT', 'IC MARKETS:1', 'BRK.B', 'ÆRØ:ØL']
const MIDNIGHT = Date.UTC(2026, 2, 3)

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

export function nastyRecording(seed: number): NastyRecording {
  const next = random(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(next() * items.length)] as Item
  const hasReceipts = next() < 0.7
  const lines: string[] = []
  const frames: { received: number | null; skew: number; entries: Entry[]; repeats: number[] }[] = []
  let now = MIDNIGHT - 90_000
  for (let conn = 0; conn < 1 + Math.floor(next() * 3); conn++) {
    const copies = pick([1, 1, 2, 2, 3])
    const count = 60 + Math.floor(next() * 120)
    for (let frame = 0; frame < count; frame++) {
      // At the start of a connection a twin and a long silence together could be decided by nobody.
      const isEarly = frame < 15
      now += pick(isEarly ? [20, 120, 400] : [20, 120, 400, 900, 1_000, 2_500, 40_000])
      const entries = Array.from({ length: 1 + Math.floor(next() * 5) }, (_, index) => print(next, pick, now + index))
      const twin = !isEarly && next() < 0.1 ? entries.slice(0, 1) : []
      const real = [...entries, ...twin]
      const received = hasReceipts ? now + 60 : null
      const delivered = Array.from({ length: copies }, () => real).flat()
      const repeats = repeatsIn(delivered, copies)
      frames.push({ received, skew: 0, entries: delivered, repeats })
      const bad = next() < 0.1 ? [{ ...entries[0], p: -1 }] : []
      lines.push(line(conn, received, JSON.stringify({ type: 'trade', data: [...bad, ...delivered] })))
      if (next() < 0.05)
        lines.push(
          line(
            conn,
            received,
            pick(['{"type":"ping"}', '{"type":"error","msg":"x"}', 'Bad Gateway', '{"type":"trade"}']),
          ),
        )
    }
    now += 5_000
  }
  return { text: `${lines.join('\n')}\n`, frames }
}

const line = (conn: number, received: number | null, frame: string): string => JSON.stringify({ received, conn, frame })

function print(next: () => number, pick: <Item>(items: readonly Item[]) => Item, now: number): Entry {
  const shift =
    next() < 0.75
      ? -Math.floor(next() * 900)
      : pick([-3_000, -14_999, -15_000, -16_000, -61_000, -400_000, -7_200_000, 4_000])
  const t = next() < 0.1 ? Math.floor((now + shift) / 5_000) * 5_000 : now + shift
  const v = next() < 0.08 ? 0 : Math.round(next() * 1e6) / 1e4 + 0.0001
  return { c: next() < 0.3 ? ['1', '12'] : null, p: Math.round(1e4 + next() * 1e3) / 100, s: pick(SYMBOLS), t, v }
}

const nameOf = ({ s, t, p, v, c }: Entry): string => JSON.stringify([s, t, p, v, c])

/** Of the arrivals of equal entries in one frame, those not divisible by the copies are repeats. */
function repeatsIn(delivered: readonly Entry[], copies: number): number[] {
  const seen = new Map<string, number>()
  return delivered.flatMap((entry, index) => {
    const arrival = seen.get(nameOf(entry)) ?? 0
    seen.set(nameOf(entry), arrival + 1)
    return arrival % copies === 0 ? [] : [index]
  })
}

/** What the rules give for a log of so many partitions: each has a watermark of its own. */
export function expectedOf({ frames }: NastyRecording, partitions: number): Map<number, OracleResult> {
  const logs = new Map<number, OracleRecord[]>()
  for (const { received, skew, entries, repeats } of frames) {
    const symbols = [...new Set(entries.map(({ s }) => s))]
    for (const symbol of symbols) {
      const indexes = [...entries.keys()].filter((index) => entries[index]?.s === symbol)
      const log = logs.get(partitionOf(symbol, partitions)) ?? []
      log.push({
        offset: log.length,
        timestamp: Number.MAX_SAFE_INTEGER,
        received,
        skew,
        repeats: indexes.flatMap((index, at) => (repeats.includes(index) ? [at] : [])),
        entries: indexes.map((index) => entries[index] as Entry),
      })
      logs.set(partitionOf(symbol, partitions), log)
    }
  }
  return new Map([...logs].map(([partition, records]) => [partition, oracle(records)]))
}
