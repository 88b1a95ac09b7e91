/** What a process says about itself. */
export interface Info {
  version: string
  commit: string
  origin: 'live' | 'simulated' | 'replay'
  symbols: readonly string[]
  /** Unix ms. */
  startedAt: number
  mode: string
  dataDir?: string
}

/** Rates, latency, lag, state of the feed, per partition: whatever the process knows just now. */
export type Status = () => Readonly<Record<string, unknown>>
