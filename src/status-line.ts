import type { StatsSnapshot } from './stats.ts'

/** What a replay has done so far. `totalBytes` is null for a pipe. */
export interface ReplayProgress {
  lines: number
  bytes: number
  totalBytes: number | null
}

/** One line that says how the pipeline is doing: trades/s, latency, lag, and what is wrong. */
export function statusLine(stats: StatsSnapshot, trouble: readonly string[]): string {
  const parts = [
    `${rate(stats.trades_per_second)} trades/s`,
    stats.latency_p99_ms === null ? '' : `p99 ${stats.latency_p99_ms} ms`,
    `lag ${stats.lag_records ?? 'unknown'}`,
    `${stats.trades_stored.toLocaleString('en')} stored`,
    ...trouble,
  ]
  return parts.filter(Boolean).join(' · ')
}

const rate = (perSecond: number): string =>
  perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en')

const BAR = 24

/** A bar with rate and time left; without a known size only the count. */
export function progressLine({ lines, bytes, totalBytes }: ReplayProgress, elapsedMs: number): string {
  const perSecond = elapsedMs > 0 ? (lines / elapsedMs) * 1000 : 0
  const speed = `${lines.toLocaleString('en')} frames · ${rate(perSecond)} frames/s`
  if (totalBytes === null || totalBytes === 0) return `replay ${speed}`
  const share = Math.min(1, bytes / totalBytes)
  const filled = Math.round(share * BAR)
  const bar = '█'.repeat(filled) + '░'.repeat(BAR - filled)
  const left = share > 0 && share < 1 ? ` · ${duration((elapsedMs * (1 - share)) / share)} left` : ''
  return `replay ${bar} ${(share * 100).toFixed(share < 1 ? 1 : 0)} % · ${speed}${left}`
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}
