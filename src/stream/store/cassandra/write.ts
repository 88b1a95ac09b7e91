import type { StockpipeError } from '../../../errors.ts'
import { noRows, type Rows } from '../../store.ts'
import { Contents, type ContentsLedger } from './contents.ts'
import { toStockpipeError, type Where } from './errors.ts'
import type { Gate } from './gate.ts'
import type { Packet } from './packet.ts'
import { rowPackets } from './row-packets.ts'
import type { Session } from './session.ts'
import type { Statements } from './statements.ts'
import { tradePackets } from './trade-packets.ts'

export interface PacketWriting {
  session: Pick<Session, 'send' | 'isEverywhere'>
  statements: Statements
  ledger: ContentsLedger
  /** Shared by all writes of the store. */
  gate: Gate
  where: Where
}

export interface Writing extends PacketWriting {
  session: Session
}

/**
 * Resolves when every row is acknowledged. Where one fails no more are sent, and it throws when none is under way.
 * Gaps can be found before anything is there that is judged by them.
 */
export async function writeRows(rows: Rows, writing: PacketWriting): Promise<void> {
  const { gaps, ...others } = rows
  const write = (some: Rows) => writePackets((contents) => packetsOf(some, writing.statements, contents), writing)
  if (gaps.length > 0) await write({ ...noRows(), gaps })
  await write({ ...others, gaps: [] })
}

/** The same for rows that are packets already. */
export async function writePackets(
  make: (contents: Contents) => Iterable<Packet>,
  { session, statements, ledger, gate, where }: PacketWriting,
): Promise<void> {
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
  const packets = all(make(contents), () => contents.packets(statements))
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
}

/** `last` is asked when the others were made. */
function* all(packets: Iterable<Packet>, last: () => Iterable<Packet>): Generator<Packet, void> {
  yield* packets
  yield* last()
}

/** The server complains in its log when a request is for more partitions than that. */
const MOST_PARTITIONS = 10
/** Rows of one partition that are too few for a request of their own. */
const FEW = 8

/**
 * Small packets together, most of them candles that each are of a Cassandra partition of their own: a request costs
 * the server and us far more than a row.
 */
function* gathered(packets: Iterable<Packet>): Generator<Packet, void> {
  let rows: Packet[number][] = []
  let partitions = 0
  for (const packet of packets) {
    if (packet.length > FEW || packet.some(({ params }) => isLarge(params))) {
      yield packet
      continue
    }
    rows.push(...packet)
    if (++partitions < MOST_PARTITIONS) continue
    yield rows
    rows = []
    partitions = 0
  }
  if (rows.length > 0) yield rows
}

const LARGE = 1000

const isLarge = (params: readonly unknown[]): boolean =>
  params.some((value) => (typeof value === 'string' || Buffer.isBuffer(value)) && value.length > LARGE)
