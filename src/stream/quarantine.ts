/** How many of the last 1,000 entries were quarantined, and by how much they were ahead. */
export class QuarantineShare {
  /** The largest lead of the last quarantined record, ms. */
  aheadMs = 0
  #seen = 0
  #recent: { at: number; count: number }[] = []

  observe(entries: number, quarantined: number, ahead: () => number): void {
    this.#seen += entries
    if (quarantined === 0) return
    this.aheadMs = ahead()
    this.#recent.push({ at: this.#seen, count: quarantined })
    this.#forget()
  }

  /** 0 to 1. */
  get share(): number {
    this.#forget()
    return this.#recent.reduce((sum, { count }) => sum + count, 0) / 1000
  }

  #forget(): void {
    const oldest = this.#seen - 1000
    const first = this.#recent.findIndex(({ at }) => at > oldest)
    this.#recent = first < 0 ? [] : this.#recent.slice(first)
  }
}
