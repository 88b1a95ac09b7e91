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

/** Rates, latency, lag, state of the feed, per partition: whatever the process knows just now. */
export type Status = () => Readonly<Record<string, unknown>>
