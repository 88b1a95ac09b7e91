import type { LatencyReport } from '../latency-report.ts'
import type { StatsSnapshot } from '../stats.ts'

/** What a process says about itself. */
export interface Info {
  version: string
  commit: string
  /** Null as long as the process does not know: another one has the feed. */
  origin: 'live' | 'simulated' | 'replay' | null
  symbols: readonly string[]
  /** Unix ms. */
  startedAt: number
  mode: string
  roles?: readonly string[]
  dataDir?: string
}

/** The feed of this process; for a recording also how far it is. */
export interface FeedStatus {
  kind: string
  lines?: number
  bytes?: number
  totalBytes?: number | null
}

export interface PipelineStatus extends StatsSnapshot {
  latency: LatencyReport
  feed?: FeedStatus
}

/** Rates, latency, lag, state of the feed: whatever the process knows just now. */
export type Status = () => PipelineStatus
