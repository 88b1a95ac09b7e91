import type { StockpipeError } from '../../../errors.ts'
import type { Rows } from '../../store.ts'
import { Contents, type ContentsLedger } from './contents.ts'
import { toStockpipeError, type Where } from './errors.ts'
import type { Gate } from './gate.ts'
import type { Packet } from './packet.ts'
import { rowPackets } from './row-packets.ts'
import type { Session } from './session.ts'
import type { Statements } from './statements.ts'
import { tradePackets } from './trade-packets.ts'

export interface Writing {
  session: Session
  statements: Statements
  ledger: ContentsLedger
  /** Shared by all writes of the store. */
  gate: Gate
  where: Where
}

/** Resolves when every row is acknowledged. Where one fails no more are sent, and it throws when none is under way. */
export async function writeRows(rows: Rows, writing: Writing): Promise<void> {
  const { session, statements, ledger, gate, where } = writing
  const contents = new Contents(ledger)
  const sent: Promise<void>[] = []
  let failure: StockpipeError | null = null
  const send = async (packet: Packet): Promise<void> => {
    try {
      await session.send(packet)
    } catch (error) {
      const classified = toStockpipeError(error, where)
      if (failure === null || !classified.retryable) failure = classified
    } finally {
      gate.leave()
    }
  }
  const packets = packetsOf(rows, statements, contents)
  for (const packet of session.isEverywhere ? gathered(packets) : packets) {
    await gate.enter()
    if (failure !== null) {
      gate.leave()
      break
    }
    sent.push(send(packet))
  }
  await Promise.all(sent)
  if (failure !== null) throw failure
  contents.settle()
}

/** Made one by one as there is room for them, so that a large write does not stand in memory twice. */
function* packetsOf(rows: Rows, statements: Statements, contents: Contents): Generator<Packet, void> {
  yield* tradePackets(rows.trades, statements.trades, contents)
  yield* rowPackets(rows, statements, contents)
  yield* contents.packets(statements)
}

/** The server complains in its log when a request is for more partitions than that. */
const MOST_PARTITIONS = 10

/**
 * Single rows together, most of them candles that each are of a Cassandra partition of their own: a request costs the
 * server far more than a row.
 */
function* gathered(packets: Iterable<Packet>): Generator<Packet, void> {
  let singles: Packet[number][] = []
  for (const packet of packets) {
    const [only] = packet
    if (only === undefined || packet.length > 1 || isLarge(only.params)) {
      yield packet
      continue
    }
    singles.push(only)
    if (singles.length < MOST_PARTITIONS) continue
    yield singles
    singles = []
  }
  if (singles.length > 0) yield singles
}

const LARGE = 1000

const isLarge = (params: readonly unknown[]): boolean =>
  params.some((value) => (typeof value === 'string' || Buffer.isBuffer(value)) && value.length > LARGE)
