import type { NewRecord } from '../stream/broker.ts'
import { partitionOf } from '../stream/broker/partitioner.ts'
import { encodeHeaders, encodeValue, type Framing } from '../stream/codec.ts'
import type { Entry } from '../trade.ts'

/** A frame whose repeated deliveries are known. */
export interface FrameToSplit {
  session: string
  seq: number
  received: number | null
  skew: number
  entries: readonly Entry[]
  /** Ascending indexes into `entries`. */
  repeats: readonly number[] | null
}

/**
 * Splits frames into records of one symbol each, symbols in order of first appearance, trades in the order
 * received. Remembers the previous seq of each session in each partition, so that a reader can see holes.
 */
export class Splitter {
  readonly #partitions: number
  readonly #framing: Framing
  readonly #schemaId: number | undefined
  /** session -> partition -> seq */
  readonly #previous = new Map<string, Map<number, number>>()
  readonly #partitionOf = new Map<string, number>()

  constructor({ partitions, framing, schemaId }: { partitions: number; framing: Framing; schemaId?: number }) {
    this.#partitions = partitions
    this.#framing = framing
    this.#schemaId = schemaId
  }

  split(frame: FrameToSplit): NewRecord[] {
    return bySymbol(frame).map(({ symbol, entries, repeats }, k) =>
      this.#record(frame, { symbol, entries, repeats, k }),
    )
  }

  #record(frame: FrameToSplit, part: Part & { k: number }): NewRecord {
    const { session, seq, received, skew } = frame
    const partition = this.#partitionFor(part.symbol)
    const previous = this.#previousOf(session)
    const prev = previous.get(partition) ?? null
    previous.set(partition, seq)
    const meta = { session, seq, k: part.k, prev, received, skew, repeats: part.repeats }
    return {
      key: part.symbol,
      value: encodeValue(part.entries, this.#framing, this.#schemaId),
      headers: encodeHeaders(meta, this.#framing),
      partition,
    }
  }

  #partitionFor(symbol: string): number {
    const known = this.#partitionOf.get(symbol)
    if (known !== undefined) return known
    const partition = partitionOf(symbol, this.#partitions)
    this.#partitionOf.set(symbol, partition)
    return partition
  }

  #previousOf(session: string): Map<number, number> {
    const known = this.#previous.get(session)
    if (known !== undefined) return known
    const made = new Map<number, number>()
    this.#previous.set(session, made)
    return made
  }
}

interface Part {
  symbol: string
  entries: readonly Entry[]
  repeats: readonly number[]
}

function bySymbol({ entries, repeats }: FrameToSplit): Part[] {
  const first = entries[0]?.s
  if (first === undefined) return []
  if (entries.every(({ s }) => s === first)) return [{ symbol: first, entries, repeats: repeats ?? [] }]
  const parts = new Map<string, { symbol: string; entries: Entry[]; repeats: number[] }>()
  const repeated = new Set(repeats)
  for (const [index, entry] of entries.entries()) {
    const part = parts.get(entry.s) ?? { symbol: entry.s, entries: [], repeats: [] }
    if (repeated.has(index)) part.repeats.push(part.entries.length)
    part.entries.push(entry)
    parts.set(entry.s, part)
  }
  return [...parts.values()]
}
