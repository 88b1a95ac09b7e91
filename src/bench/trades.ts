import type { LogRecord } from '../stream/broker.ts'
import { encodeHeaders, encodeValue } from '../stream/codec.ts'
import type { Entry } from '../trade.ts'

const START = 1_767_225_600_000
const US_STOCK_CONDITIONS = ['1', '12']

/** Records as the producer writes them: symbols take turns, times move on, prices and sizes vary; the same every time. */
export function recordedTrades(of: { records: number; perRecord: number; symbols: number }): LogRecord[] {
  const random = noise()
  return Array.from({ length: of.records }, (_, offset) => {
    const at = START + Math.floor((offset / of.symbols) * 1_000)
    const symbol = `BINANCE:COIN${offset % of.symbols}`
    const entries = Array.from({ length: of.perRecord }, (_, index) => trade(symbol, at + index * 40, random))
    const meta = { session: 'bench', seq: offset, k: 0, prev: null, received: at + 900, skew: 0, repeats: [] }
    return {
      offset,
      timestamp: at + 910,
      key: symbol,
      value: encodeValue(entries, 'raw'),
      headers: encodeHeaders(meta, 'raw'),
    }
  })
}

/** One made-up trade. */
export const trade = (symbol: string, t: number, random: () => number): Entry => ({
  c: random() < 0.1 ? US_STOCK_CONDITIONS : null,
  p: Math.round(10_000 + random() * 500) / 100,
  s: symbol,
  t,
  v: Math.round(1 + random() * 1e6) / 1e6,
})

/** A small generator (xorshift): the bench needs the same bytes in every run, not good randomness. */
export function noise(): () => number {
  let state = 0x9e3779b9
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** A recording of the same trades as frames, one symbol each, 20 frames a second of market time. */
export function recording(of: { frames: number; perFrame: number; symbols: number }): string {
  const random = noise()
  const lines = Array.from({ length: of.frames }, (_, frame) => {
    const at = START + frame * 50
    const data = Array.from({ length: of.perFrame }, (_, index) =>
      trade(`BINANCE:COIN${frame % of.symbols}`, at + index * 4, random),
    )
    return JSON.stringify({ received: at + 90, frame: JSON.stringify({ data, type: 'trade' }) })
  })
  return `${lines.join('\n')}\n`
}
