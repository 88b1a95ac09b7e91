import { StockpipeError } from '../../errors.ts'

/** The switches of the simulator. Shares are parts of 1; times are ms. */
export interface SimulatorOptions {
  seed: number
  /** What trades; any other symbol is accepted and stays silent. Null: every well-formed symbol trades. */
  symbols: readonly string[] | null
  /** Trades a second over all `symbols`, or over the four default ones when that is null. */
  rate: number
  /** How often each trade is delivered. */
  repeats: 1 | 2 | 3
  /** Share of trades followed by a real one that is equal in everything. */
  twins: number
  /** Each trade is delivered up to this much later than its time says, so that they come out of order. */
  disorderMs: number
  /** This share comes `ms` later than it should. */
  late: { share: number; ms: number } | null
  /** Share of trades that carry a time 10 to 60 s ahead. */
  futureShare: number
  /** Share of trades that are price updates (v = 0). */
  zeroVolumeShare: number
  /** Share of the prints of one order that fall into the same ms. */
  sameMsShare: number
  /** From `afterMs` after its start, a connection gets only pings for `forMs`. What traded meanwhile is lost. */
  stall: { afterMs: number; forMs: number } | null
  /** Each connection is closed after this time. Null: never. */
  closeEveryMs: number | null
  /** Those closings happen in the middle of a frame, without a word. Alone it closes every 10 s. */
  midFrameClose: boolean
  /** Symbols a connection may have. */
  limit: number
  /** A second client makes the first one's connection close. */
  oneConnection: boolean
  /** The status that handshakes and REST answer instead of serving. */
  reject: 401 | 403 | 429 | 524 | null
  /** After so many rejections the rest is served. */
  rejectTimes: number
  /** Of a 429, in seconds. */
  retryAfter: number
  /** How far the server's clock is ahead of ours. */
  clockOffsetMs: number
  /** Share of frames followed by one that is broken. */
  garbageShare: number
  /** How much of the past a symbol gets when it is subscribed. The query parameter `since` (ms) can shorten it. */
  history: number
  /** Symbols subscribed within this time after the first get their history together. */
  joinMs: number
  pingEveryMs: number
  /** Every frame sent is written here, as `record` writes them, with `repeats`: the indexes sent once more. */
  truthFile: string | null
  /** A client that leaves more than this unread is disconnected. */
  clientBufferBytes: number
  host: string
  port: number
}

export const SIMULATOR_DEFAULTS: SimulatorOptions = {
  seed: 1,
  symbols: null,
  rate: 30,
  repeats: 1,
  twins: 0.01,
  disorderMs: 0,
  late: null,
  futureShare: 0,
  zeroVolumeShare: 0,
  sameMsShare: 0.6,
  stall: null,
  closeEveryMs: null,
  midFrameClose: false,
  limit: 50,
  oneConnection: false,
  reject: null,
  rejectTimes: Number.POSITIVE_INFINITY,
  retryAfter: 5,
  clockOffsetMs: 0,
  garbageShare: 0,
  history: 0,
  joinMs: 200,
  pingEveryMs: 60_000,
  truthFile: null,
  clientBufferBytes: 8_000_000,
  host: '127.0.0.1',
  port: 0,
}

const MID_FRAME_CLOSE_MS = 10_000
const SHARES = ['twins', 'futureShare', 'zeroVolumeShare', 'sameMsShare', 'garbageShare'] as const
const TIMES = ['disorderMs', 'history', 'joinMs', 'retryAfter', 'limit'] as const

/** Fills in the defaults. Throws `config` naming everything that is out of range. */
export function simulatorOptions(given: Partial<SimulatorOptions>): SimulatorOptions {
  const options = { ...SIMULATOR_DEFAULTS, ...given }
  if (options.midFrameClose) options.closeEveryMs ??= MID_FRAME_CLOSE_MS
  const problems = [
    ...SHARES.filter((name) => !within(options[name], 0, 1)).map((name) => `${name} must be from 0 to 1`),
    ...TIMES.filter((name) => !within(options[name], 0, Number.MAX_SAFE_INTEGER)).map(
      (name) => `${name} must be 0 or more`,
    ),
    ...(within(options.rate, 0, 1_000_000) ? [] : ['rate must be from 0 to 1000000']),
    ...(Number.isSafeInteger(options.seed) ? [] : ['seed must be a whole number']),
    ...(options.closeEveryMs === null || options.closeEveryMs > 0 ? [] : ['closeEveryMs must be more than 0']),
    ...(options.pingEveryMs > 0 ? [] : ['pingEveryMs must be more than 0']),
    ...(options.late === null || within(options.late.share, 0, 1) ? [] : ['late.share must be from 0 to 1']),
  ]
  if (problems.length > 0) throw new StockpipeError('config', `simulator: ${problems.join('; ')}`)
  return options
}

const within = (value: number, least: number, most: number): boolean => value >= least && value <= most
