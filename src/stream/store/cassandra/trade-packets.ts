import { hourOf, type TradeBatch } from '../../../trade.ts'
import { conditionsOf } from '../insert.ts'
import type { Contents } from './contents.ts'
import { CELL_BYTES, type Packet, Packing, ROW_BYTES } from './packet.ts'

const HOUR_MS = 3_600_000
/** Values of fixed size, and the cells of a row. */
const FIXED_BYTES = ROW_BYTES + 7 * CELL_BYTES + 64

const NO_TEXT = Buffer.alloc(0)
const FUTURE = Buffer.from('future')

/** The rows of one symbol and hour: what is the same in all of them is encoded once. */
interface Hour {
  hour: Buffer
  packing: Packing
}

/**
 * Trades as packets, each of one symbol and hour, made as they are asked for. This is the hot path: what does not
 * differ from trade to trade is a Buffer that the driver sends as it is.
 */
export function* tradePackets(
  batches: readonly TradeBatch[],
  query: string,
  contents: Contents,
): Generator<Packet, void> {
  for (const [symbol, records] of bySymbol(batches)) {
    const hours = new Map<number, Hour>()
    const symbolBytes = Buffer.from(symbol)
    const hourFor = (number: number): Hour => {
      const known = hours.get(number)
      if (known !== undefined) return known
      const text = hourOf(number * HOUR_MS)
      contents.note('trades', symbol, text)
      const made = { hour: Buffer.from(text), packing: new Packing() }
      hours.set(number, made)
      return made
    }
    for (const record of records) yield* recordPackets(record, { query, symbolBytes, hourFor })
    for (const { packing } of hours.values()) {
      const rest = packing.take()
      if (rest.length > 0) yield rest
    }
  }
}

interface Target {
  query: string
  symbolBytes: Buffer
  hourFor(number: number): Hour
}

function* recordPackets(record: TradeBatch, { query, symbolBytes, hourFor }: Target): Generator<Packet, void> {
  const { partition, offset, received, ingested, entries, skip, future } = record
  const log = [int(partition), int64(offset)] as const
  // Undefined is left out altogether, where null would be written as a tombstone.
  const receivedBytes = received === null ? undefined : int64(received)
  const ingestedBytes = int64(ingested)
  let target: Hour | null = null
  let number = Number.NaN
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index]
    if (entry === undefined || skip?.has(index)) continue
    const { t, p, v } = entry
    if (target === null || Math.floor(t / HOUR_MS) !== number) {
      number = Math.floor(t / HOUR_MS)
      target = hourFor(number)
    }
    const text = conditionsOf(entry)
    const conditions = text === '' ? NO_TEXT : Buffer.from(text)
    const flags = future?.has(index) ? FUTURE : NO_TEXT
    const params = [
      symbolBytes,
      target.hour,
      int64(t),
      log[0],
      log[1],
      index,
      p,
      v,
      conditions,
      receivedBytes,
      ingestedBytes,
      flags,
    ]
    const full = target.packing.add({ query, params }, FIXED_BYTES + conditions.length + flags.length)
    if (full !== null) yield full
  }
}

/** Of each symbol its records, in their order: they share requests. */
function bySymbol(batches: readonly TradeBatch[]): Map<string, TradeBatch[]> {
  const groups = new Map<string, TradeBatch[]>()
  for (const batch of batches) {
    const group = groups.get(batch.symbol)
    if (group === undefined) groups.set(batch.symbol, [batch])
    else group.push(batch)
  }
  return groups
}

function int(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  const high = Math.floor(value / 2 ** 32)
  bytes.writeInt32BE(high)
  bytes.writeUInt32BE(value - high * 2 ** 32, 4)
  return bytes
}
