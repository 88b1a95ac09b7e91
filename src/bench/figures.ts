import { cpus, loadavg } from 'node:os'

/** The value that `share` of the samples do not exceed (nearest rank). NaN without samples. */
export function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) return Number.NaN
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length, Math.max(1, Math.ceil(share * sorted.length))) - 1] ?? Number.NaN
}

/** Milliseconds. */
export interface Latency {
  p50: number
  p90: number
  p99: number
  max: number
}

export const latencyOf = (samples: readonly number[]): Latency => ({
  p50: percentile(samples, 0.5),
  p90: percentile(samples, 0.9),
  p99: percentile(samples, 0.99),
  max: percentile(samples, 1),
})

/** Columns of equal width: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  const pad = (cell: string, at: number) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

/** A figure of ms: three digits that count. */
export const millis = (ms: number): string => (Number.isNaN(ms) ? '-' : ms < 10 ? ms.toFixed(1) : ms.toFixed(0))

export const whole = (value: number): string => Math.round(value).toLocaleString('en')

export const times = (ratio: number): string => (Number.isFinite(ratio) ? `${ratio.toFixed(2)}x` : '-')

/** What else the machine was doing. */
export interface MachineLoad {
  cores: number
  /** Load averages of the last 1, 5 and 15 minutes. */
  load: readonly number[]
}

export const machineLoad = (): MachineLoad => ({ cores: cpus().length, load: loadavg() })

export const loadWords = ({ cores, load }: MachineLoad): string =>
  `${cores} cores, load ${load.map((average) => average.toFixed(2)).join(' ')}`

/** Who is measured first in this turn: the places change, so that nobody always finds the warmer server. */
export const inTurn = <Name>(names: readonly Name[], turn: number): readonly Name[] =>
  turn % 2 === 0 ? names : names.toReversed()
