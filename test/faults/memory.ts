/** Resident memory of processes: how much at most, and whether it grows. */
import { readFileSync } from 'node:fs'

import { expect } from 'bun:test'

import { megabytes, note } from './figures.ts'
import type { Running } from '../running.ts'

const SAMPLE_MS = 1_000
/** A role may never hold more, whatever happens, bytes. */
const MOST = 700e6

export interface Sample {
  at: number
  bytes: number
}

/** Samples the resident memory of processes for a while. */
export async function sample(roles: Readonly<Record<string, Running>>, ms: number): Promise<Map<string, Sample[]>> {
  const samples = new Map(Object.keys(roles).map((role): [string, Sample[]] => [role, []]))
  const end = Date.now() + ms
  while (Date.now() < end) {
    for (const [role, { child }] of Object.entries(roles))
      samples.get(role)?.push({ at: Date.now(), bytes: residentBytes(child.pid) })
    await Bun.sleep(SAMPLE_MS)
  }
  return samples
}

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

/** Of the line through the samples with the least squares, bytes a minute. */
export function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(samples.map(({ at }) => at)), mean(samples.map(({ bytes }) => bytes))]
  const above = samples.reduce((sum, { at, bytes }) => sum + (at - x) * (bytes - y), 0)
  return (60_000 * above) / samples.reduce((sum, { at }) => sum + (at - x) ** 2, 0)
}

export function report(what: string, samples: ReadonlyMap<string, readonly Sample[]>): void {
  for (const [role, values] of samples) {
    const most = Math.max(...values.map(({ bytes }) => bytes))
    const grows = slope(values)
    note('memory', `${role}, ${what}`, `${megabytes(most)} at most, ${(grows / 1e6).toFixed(2)} MB/min`)
    expect(most).toBeLessThan(MOST)
  }
}
