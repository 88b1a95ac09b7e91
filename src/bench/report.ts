/** A measurement: what a person reads, and the same numbers for a script. */
export interface BenchReport {
  text: string
  json: Readonly<Record<string, unknown>>
}

/** Items per second of the best of several runs, the subjects taking turns so that a noisy machine is fair to all. */
export async function race<Name extends string>(
  rounds: number,
  items: number,
  subjects: Readonly<Record<Name, () => void | Promise<void>>>,
): Promise<Record<Name, number>> {
  const best: Partial<Record<Name, number>> = {}
  for (let round = 0; round < rounds; round++) {
    for (const name of Object.keys(subjects) as Name[]) {
      const start = Bun.nanoseconds()
      await subjects[name]()
      const rate = items / ((Bun.nanoseconds() - start) / 1e9)
      best[name] = Math.max(best[name] ?? 0, rate)
    }
  }
  return best as Record<Name, number>
}

export const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en')} trades/s`
