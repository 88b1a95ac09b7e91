import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

import type { LogOfPartition } from './log.ts'
import type { Entry } from '../../src/trade.ts'

const nameOf = ({ s, t, p, v }: Pick<Entry, 's' | 't' | 'p' | 'v'>): string => `${s} ${t} ${p} ${v}`

/** Between the sending and the receipt of a frame, ms. */
const TRANSIT_MS = 500

/** A trade that was sent and is not in the log. */
export interface Missed {
  name: string
  symbol: string
  /** When it was sent, unix ms. */
  sentAt: number
}

/** Compares what the market wrote down as sent with the log: trades that the log has not, and those that nobody sent. */
export async function notInLog(
  truthFile: string,
  log: readonly LogOfPartition[],
): Promise<{ missed: Missed[]; unknown: string[] }> {
  const left = new Map<string, number>()
  for (const { records } of log)
    for (const { entries } of records)
      for (const entry of entries) left.set(nameOf(entry), (left.get(nameOf(entry)) ?? 0) + 1)
  const missed: Missed[] = []
  let closedAt = 0
  for await (const line of createInterface({ input: createReadStream(truthFile) })) {
    if (line === '') continue
    const { received, frame } = JSON.parse(line) as { received: number; frame: string }
    const { data = [] } = JSON.parse(frame) as { data?: Entry[] }
    closedAt = received
    for (const entry of data) {
      const name = nameOf(entry)
      const count = left.get(name) ?? 0
      if (count === 0) missed.push({ name, symbol: entry.s, sentAt: received })
      else if (count === 1) left.delete(name)
      else left.set(name, count - 1)
    }
  }
  const unknown = [...left].map(([name, count]) => `${name} is ${count} times more in the log than it was sent`)
  // A market that ends takes with it what its sockets still hold.
  return { missed: missed.filter(({ sentAt }) => sentAt < closedAt - TRANSIT_MS), unknown }
}

/** A row of the gap ledger: `[from, to]`, unix ms. */
export interface GapRow {
  symbol: string
  from: number
  to: number
}

/** Trades that are missing at a time for which the ledger has no gap. */
export const unexplained = (missed: readonly Missed[], gaps: readonly GapRow[]): Missed[] =>
  missed.filter(
    ({ symbol, sentAt }) =>
      !gaps.some((gap) => gap.symbol === symbol && gap.from - TRANSIT_MS <= sentAt && sentAt <= gap.to + TRANSIT_MS),
  )
