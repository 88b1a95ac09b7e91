import type { ErrorCode } from '../../errors.ts'
import type { Told } from '../../log-events.ts'
import type { Fields } from '../../telemetry.ts'
import type { Rows } from '../store.ts'
import type { PackedTrades } from './packed-trades.ts'
import type { Retention } from './retention.ts'

/** What the main thread asks of the thread that writes the store. Each request with an id is answered once. */
export type Request =
  | { kind: 'open'; id: number; path: string; retention: Retention }
  | { kind: 'write'; id: number; trades: PackedTrades; rows: Omit<Rows, 'trades'> }
  | { kind: 'prune'; id: number; now: number }
  | { kind: 'close'; id: number }

/** An error class does not survive the way between threads; its parts do. */
export interface Failure {
  code: ErrorCode
  message: string
  why: string | undefined
  hint: string | undefined
  retryable: boolean
}

export type Answer =
  | { kind: 'done'; id: number }
  | { kind: 'failed'; id: number; failure: Failure }
  | ({ kind: 'log'; fields: Fields } & Told)
