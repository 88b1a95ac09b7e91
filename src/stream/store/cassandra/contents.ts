import type { Packet } from './packet.ts'
import type { Kind, Statements } from './statements.ts'

/** An entry is written again after this time while rows still come: its TTL counts from its last writing. */
const AGAIN_MS = 300_000
/** Far more than are written at one time; what is forgotten is only written once more. */
const MOST_KNOWN = 100_000

/**
 * What one write adds to the table `contents`. Entries count as known only once they are acknowledged, so that no
 * write resolves before the entries it relies on are there.
 */
export class Contents {
  readonly #ledger: ContentsLedger
  readonly #epoch: number
  readonly #notes = new Map<string, readonly [Kind, string, string]>()

  constructor(ledger: ContentsLedger) {
    this.#ledger = ledger
    this.#epoch = ledger.epoch
  }

  /** A bucket of rows of a symbol. */
  note(kind: Kind, symbol: string, bucket: string): void {
    this.#add(kind, symbol, bucket)
    this.noteSymbol(kind, symbol)
  }

  noteSymbol(kind: Kind, symbol: string): void {
    this.#add(kind, '', symbol)
  }

  #add(kind: Kind, symbol: string, item: string): void {
    const key = `${kind}\0${symbol}\0${item}`
    if (!this.#ledger.isKnown(key)) this.#notes.set(key, [kind, symbol, item])
  }

  *packets(statements: Statements): Generator<Packet, void> {
    for (const params of this.#notes.values()) yield [{ query: statements.contents(params[0]), params: [...params] }]
  }

  /** All entries are acknowledged. */
  settle(): void {
    if (this.#epoch !== this.#ledger.epoch) return
    for (const key of this.#notes.keys()) this.#ledger.know(key)
  }
}

/** Which entries were acknowledged not long ago, over all writes of a store. */
export class ContentsLedger {
  readonly #now: () => number
  readonly #known = new Map<string, number>()
  #epoch = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** How often all was forgotten. */
  get epoch(): number {
    return this.#epoch
  }

  isKnown(key: string): boolean {
    return (this.#known.get(key) ?? Number.NEGATIVE_INFINITY) > this.#now() - AGAIN_MS
  }

  know(key: string): void {
    if (this.#known.size >= MOST_KNOWN) this.#known.clear()
    this.#known.set(key, this.#now())
  }

  /** After a node was away nothing is certain: it may have lost what it had acknowledged. */
  forget(): void {
    this.#epoch++
    this.#known.clear()
  }
}
