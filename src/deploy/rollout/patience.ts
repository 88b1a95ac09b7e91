import type { Clock } from '../../clock.ts'
import type { Trouble } from './trouble.ts'

/** How long each trouble has lasted: some pass by themselves, and none is final at first sight. */
export class Patience {
  private readonly clock: Pick<Clock, 'elapsed'>
  private readonly since = new Map<string, number>()

  constructor(clock: Pick<Clock, 'elapsed'>) {
    this.clock = clock
  }

  /** Told at every look: what is not among `open` is over, and counts anew when it comes again. */
  remember(open: readonly (Trouble | null)[]): void {
    const names = new Set(open.flatMap((trouble) => (trouble === null ? [] : [trouble.name])))
    for (const name of this.since.keys()) if (!names.has(name)) this.since.delete(name)
    for (const name of names) if (!this.since.has(name)) this.since.set(name, this.clock.elapsed())
  }

  isHopeless({ name, hopelessAfterMs }: Trouble): boolean {
    const since = this.since.get(name)
    return hopelessAfterMs !== null && since !== undefined && this.clock.elapsed() - since >= hopelessAfterMs
  }
}
