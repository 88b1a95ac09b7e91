import type { Clock } from '../clock.ts'
import type { Broker, Commit } from '../stream/broker.ts'
import type { RevisableStore } from '../stream/store/revisions.ts'
import type { ApiReader } from './api.ts'
import type { Findings } from './report.ts'
import type { Rules } from './rules.ts'

export interface Progress {
  /** Records folded so far. */
  records: number
  /** What is under way. */
  doing: string
}

export interface VerifyOptions {
  broker: Pick<Broker, 'read' | 'bounds'>
  store: Pick<RevisableStore, 'read' | 'symbols' | 'runs'>
  topic: string
  rules: Pick<Rules, 'window' | 'hop' | 'delay' | 'futureLimit'>
  /** How long rows are kept, ms since they were written; null: for ever. */
  retention: { tradesMs: number | null; candlesMs: number | null }
  /** What is compared, by trade_ts, window_end_ts and open_ts: `[from, to)`. The log is always read from its start. */
  range: { from: number; to: number }
  /** Null: all. */
  symbols: readonly string[] | null
  /** What is served is compared with what is stored; null: it is not. */
  api: ApiReader | null
  /** How long (ms) to wait until a pipeline that runs has processed what is in the log. */
  wait: number
  /** What the processors committed last, by partition. */
  committed: () => Promise<readonly (Commit | null)[]>
  clock: Clock
  signal: AbortSignal
  /** `total`: records there are to fold. */
  progress: (progress: Progress & { total: number }) => void
}

/** One verification under way. */
export interface Work extends Omit<VerifyOptions, 'progress'> {
  findings: Findings
  progress: (progress: Progress) => void
}
