import { compareGroup, type Comparison, type Mismatch } from './compare.ts'
import type { Work } from './options.ts'
import { isGrowing, type Part } from './parts.ts'
import type { Ready } from './partition-windows.ts'
import type { Patience } from './patience.ts'

/** A row is removed this much (ms) after its time at the earliest, and not just when its time has come. */
const SLACK_MS = 3_600_000

/** Compares the windows of one partition as they are handed out. */
export class WindowCheck {
  readonly #work: Work
  readonly #part: Part
  readonly #patience: Patience
  /** Stretches of which open rows may be wrong. */
  readonly #doubtful: { ready: Ready; open: readonly Mismatch[] }[] = []
  #isSettled = false

  constructor(work: Work, part: Part, patience: Patience) {
    this.#work = work
    this.#part = part
    this.#patience = patience
  }

  async compare(groups: Iterable<Ready>): Promise<void> {
    for (const ready of groups) {
      if (this.#work.signal.aborted) return
      let comparison = await this.#read(ready)
      while (comparison.mismatches.length > 0 && (await this.#patience.again())) comparison = await this.#read(ready)
      const { mismatches, open, compared, rows, isSettled } = comparison
      this.#tell(ready, mismatches, compared)
      if (isSettled) this.#isSettled = true
      if (open.length > 0) this.#doubtful.push({ ready, open })
      if (this.#work.api !== null) await this.#work.api.compare(this.#work, ready.group, rows)
    }
  }

  /**
   * At the end: windows that the watermark has not passed. What silence closed must be right unless more trades came;
   * where it closed all there is, every other row must be there, too.
   */
  async compareOpen(): Promise<void> {
    for (const { ready, open } of this.#doubtful) {
      // Asked behind the reading: a row that is right for a longer log must not be called wrong.
      if (await isGrowing(this.#work, this.#part)) return
      let wrong = this.#wrongOf(open)
      while (wrong.length > 0 && (await this.#patience.again())) wrong = this.#wrongOf((await this.#read(ready)).open)
      if (wrong.length === 0 || (await isGrowing(this.#work, this.#part))) continue
      this.#tell(ready, wrong, wrong.filter(({ row }) => row === null).length)
    }
  }

  #wrongOf(open: readonly Mismatch[]): readonly Mismatch[] {
    return this.#isSettled ? open : open.filter(({ row }) => row?.final === true)
  }

  #read({ group, candidates, passed, newest }: Ready): Promise<Comparison> {
    const { store, retention, clock, api } = this.#work
    const kept = group.kind === '1s' ? retention.tradesMs : retention.candlesMs
    const expiredBefore = kept === null ? Number.NEGATIVE_INFINITY : clock.now() - kept + SLACK_MS
    return compareGroup(store, group, { candidates, passed, newest, expiredBefore, keepRows: api !== null })
  }

  #tell({ group }: Ready, mismatches: readonly Mismatch[], compared: number): void {
    const { findings } = this.#work
    const kind = group.kind === 'window' ? 'window' : 'candle'
    findings.compared(kind, compared)
    for (const mismatch of mismatches)
      for (const column of mismatch.columns) findings.add({ kind, key: keyOf(group, mismatch), ...column })
  }
}

const keyOf = ({ symbol, kind }: Ready['group'], { time }: Mismatch): string =>
  kind === 'window' ? `${symbol} ${time}` : `${symbol} ${kind} ${time}`
