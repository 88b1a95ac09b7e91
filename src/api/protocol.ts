/**
 * What `/v1/stream` (WebSocket) and `/v1/events` (SSE) say. Both speak the same messages; the page uses these types.
 *
 * A channel is `trades:SYMBOL`, `candles:INTERVAL:SYMBOL`, `windows:SYMBOL` or `latest:SYMBOL`; `*` stands for every
 * symbol. A subscription answers with one snapshot, then updates.
 */
import type { CandleRow, LatestRow, TradeRow, WindowRow } from '../trade.ts'

export type LiveRow = TradeRow | CandleRow | WindowRow | LatestRow

/** What a client may send over the WebSocket; several members at once are fine. */
export interface ClientMessage {
  subscribe?: readonly string[]
  unsubscribe?: readonly string[]
  /** Comes back as it is. */
  ping?: string | number
}

/** The rows of a channel as they are now, oldest first. Take it in place of what you had. */
export interface SnapshotMessage {
  type: 'snapshot'
  channel: string
  seq: number
  data: readonly LiveRow[]
}

/**
 * Rows that are new or have changed: put each in place of the one with its key, (symbol, open_ts),
 * (symbol, window_end_ts), (symbol) or, for trades, (log_partition, log_offset, log_index).
 * `seq` counts by one within a channel; a jump is announced by a `conflated` message.
 */
export interface UpdateMessage {
  type: 'update'
  channel: string
  seq: number
  data: readonly LiveRow[]
}

/**
 * This client, or everyone, could not be told everything. `dropped` counts rows: of trades they are left out (read
 * them from `/v1/trades`), of the others they are states between which were overtaken by a newer one.
 */
export interface ConflatedMessage {
  type: 'conflated'
  channel: string
  dropped: number
}

export interface UnsubscribedMessage {
  type: 'unsubscribed'
  channel: string
}

export interface PongMessage {
  type: 'pong'
  ping: string | number
}

/** Something asked for was refused; the connection stays. */
export interface ErrorMessage {
  type: 'error'
  detail: string
  channel?: string
}

export type ServerMessage =
  | SnapshotMessage
  | UpdateMessage
  | ConflatedMessage
  | UnsubscribedMessage
  | PongMessage
  | ErrorMessage
