/** The newest frame of a producer session, and the log's timestamp of its record. */
export interface SessionMark {
  session: string
  seq: number
  k: number
  timestamp: number
}

const FORGET_AFTER_MS = 24 * 3_600_000

/**
 * Knows which records were sent twice: after an unknown acknowledgement or a crash a producer sends the same
 * (session, seq, k) again, and within a session a partition's records only move forward.
 *
 * Two states are kept: the one for judging the next record, and the one as of L for the commit. A commit that
 * carried the former would make a restart drop the records between L and P as repetitions.
 */
export class Sessions {
  readonly #newest = new Map<string, SessionMark>()
  readonly #asOfLow = new Map<string, SessionMark>()
  /** Records between L and here, oldest first. */
  #pending: { offset: number; mark: SessionMark }[] = []

  constructor(asOfLow: readonly SessionMark[] = []) {
    for (const mark of asOfLow) {
      this.#newest.set(mark.session, mark)
      this.#asOfLow.set(mark.session, mark)
    }
  }

  /** True for a record that counts; false for one that was seen before. */
  admit(offset: number, mark: SessionMark): boolean {
    const last = this.#newest.get(mark.session)
    if (last !== undefined && (mark.seq < last.seq || (mark.seq === last.seq && mark.k <= last.k))) return false
    this.#newest.set(mark.session, mark)
    this.#pending.push({ offset, mark })
    return true
  }

  /** The state as of `low`, for a commit; `now` is the log's timestamp of the last record. `low` never goes back. */
  asOf(low: number, now: number): SessionMark[] {
    let passed = 0
    for (const { offset, mark } of this.#pending) {
      if (offset >= low) break
      if (this.#newest.has(mark.session)) this.#asOfLow.set(mark.session, mark)
      passed++
    }
    if (passed > 0) this.#pending = this.#pending.slice(passed)
    this.#forgetOld(now)
    return [...this.#asOfLow.values()]
  }

  #forgetOld(now: number): void {
    for (const [session, mark] of this.#newest) {
      if (now - mark.timestamp <= FORGET_AFTER_MS) continue
      this.#newest.delete(session)
      this.#asOfLow.delete(session)
    }
  }
}
