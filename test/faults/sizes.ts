/** How long and how often: small within `npm test`, full by `npm run test:faults`, each by a variable of its own. */
export const isFull = process.env['FAULTS'] === 'full'

/** `FAULT_<name>`, or else the bounded or the full size. */
export const size = (name: string, bounded: number, full: number): number =>
  Number(process.env[`FAULT_${name}`] ?? (isFull ? full : bounded))

/** Only a failing test waits as long. */
export const LIMIT_MS = isFull ? 4 * 3_600_000 : 600_000

/** A moment to strike at: `[from, to)` ms from now. */
export const moment = (from: number, to: number): number => from + Math.random() * (to - from)

/** The one in the middle, and the largest. */
export function spread(values: readonly number[]): { median: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}
