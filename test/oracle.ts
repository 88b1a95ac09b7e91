import { type Entry, type Interval, INTERVAL_MS, INTERVALS } from '../src/trade.ts'

/**
 * The published rules once more, written as plainly as they can be and without any of the engine's code: every
 * window keeps the list of its trades, nothing is shared, nothing is incremental.
 */

export interface OracleRecord {
  offset: number
  timestamp: number
  received: number | null
  skew: number
  repeats: readonly number[]
  entries: readonly Entry[]
}

export interface OracleWindow {
  symbol: string
  kind: 'window' | Interval
  start: number
  end: number
  n: number
  volume: number
  pv: number
  open: number
  high: number
  low: number
  close: number
  mean: number
  isPast: boolean
}

export interface OracleResult {
  windows: Map<string, OracleWindow>
  trades: string[]
  future: string[]
  late: Map<string, { missed: string; entry: string }>
  watermark: number
}

interface Print {
  p: number
  v: number
  t: number
  offset: number
  index: number
}

const RULES = { size: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }

export function oracle(records: readonly OracleRecord[]): OracleResult {
  const members = new Map<
    string,
    { symbol: string; kind: 'window' | Interval; start: number; end: number; prints: Print[] }
  >()
  const trades: string[] = []
  const future: string[] = []
  const late: OracleResult['late'] = new Map()
  let watermark = Number.NEGATIVE_INFINITY
  for (const record of records) {
    for (const [index, { s, p, t, v }] of record.entries.entries()) {
      if (record.repeats.includes(index)) continue
      const id = `${record.offset}:${index}`
      if (t > (record.received ?? record.timestamp) + record.skew + RULES.futureLimit) {
        future.push(id)
        continue
      }
      watermark = Math.max(watermark, t - RULES.delay)
      if (v === 0) continue
      trades.push(id)
      const missed: string[] = []
      let entry = ''
      for (const { kind, start, end } of windowsOf(t)) {
        if (watermark >= end) {
          missed.push(kind === 'window' ? `15s@${end}` : kind)
          continue
        }
        if (kind !== 'window' && kind !== '1s' && entry === '') entry = kind
        const key = `${s}|${kind}|${start}`
        const window = members.get(key) ?? { symbol: s, kind, start, end, prints: [] }
        window.prints.push({ p, v, t, offset: record.offset, index })
        members.set(key, window)
      }
      if (missed.length > 0) late.set(id, { missed: missed.join(','), entry })
    }
  }
  const windows = new Map([...members].map(([key, window]) => [key, summarise(window, watermark)]))
  return { windows, trades, future, late, watermark }
}

function windowsOf(t: number): { kind: 'window' | Interval; start: number; end: number }[] {
  const last = Math.floor(t / RULES.hop) * RULES.hop
  const hopping = [2, 1, 0].map((back) => last - back * RULES.hop)
  return [
    ...hopping.map((start) => ({ kind: 'window' as const, start, end: start + RULES.size })),
    ...INTERVALS.map((kind) => {
      const start = Math.floor(t / INTERVAL_MS[kind]) * INTERVAL_MS[kind]
      return { kind, start, end: start + INTERVAL_MS[kind] }
    }),
  ]
}

function summarise(
  { prints, ...window }: { symbol: string; kind: 'window' | Interval; start: number; end: number; prints: Print[] },
  watermark: number,
): OracleWindow {
  const ordered = [...prints].sort((a, b) => a.t - b.t || a.offset - b.offset || a.index - b.index)
  const sum = (value: (print: Print) => number) => prints.reduce((total, print) => total + value(print), 0)
  return {
    ...window,
    n: prints.length,
    volume: sum(({ v }) => v),
    pv: sum(({ p, v }) => p * v),
    open: ordered[0]?.p ?? Number.NaN,
    close: ordered.at(-1)?.p ?? Number.NaN,
    high: prints.reduce((high, { p }) => Math.max(high, p), Number.NEGATIVE_INFINITY),
    low: prints.reduce((low, { p }) => Math.min(low, p), Number.POSITIVE_INFINITY),
    mean: sum(({ p }) => p) / prints.length,
    isPast: watermark >= window.end,
  }
}
