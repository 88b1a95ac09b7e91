import type { Judge } from './judge.ts'
import { KINDS, type Kind, latenessOf, lengthOf, type Rules, spansOf } from './rules.ts'
import { type Print, Sums, type Values } from './sums.ts'

/** A window or candle as the rules give it. */
export interface Expected {
  symbol: string
  kind: Kind
  start: number
  end: number
  values: Values
  /** The watermark has passed its end. */
  isPast: boolean
  touched: number
  lastOffset: number
}

/** Late trades of one symbol, by time, for a rule that counts them: they are put in when their time comes. */
export type LatePrints = ReadonlyMap<string, readonly Print[]>

interface SymbolState {
  open: ReadonlyMap<Kind, Map<number, Sums>>
  /** The next of its late prints that was not put in yet. */
  nextLate: number
}

/** The windows of one partition under one set of rules. What is finished is handed out and forgotten. */
export class Windows {
  readonly #rules: Rules
  readonly #judge: Pick<Judge, 'horizon' | 'watermark'>
  readonly #lates: LatePrints
  readonly #symbols = new Map<string, SymbolState>()
  /** Offset of the newest print. */
  newest = -1

  constructor(rules: Rules, judge: Pick<Judge, 'horizon' | 'watermark'>, lates: LatePrints = new Map()) {
    this.#rules = rules
    this.#judge = judge
    this.#lates = lates
    for (const symbol of lates.keys()) this.#stateOf(symbol)
  }

  get symbols(): readonly string[] {
    return [...this.#symbols.keys()]
  }

  /** `watermark`: as it was when the print came. */
  add(print: Print, watermark: number): void {
    const state = this.#stateOf(print.symbol)
    this.newest = print.offset
    const { includeLate } = this.#rules
    if (includeLate && latenessOf(print.t, watermark, this.#rules) !== null) return
    this.#put(state, print, watermark)
  }

  /** Hands out what the watermark has passed. Nothing can be added to it any more. */
  close(): Expected[] {
    const { watermark } = this.#judge
    const closed: Expected[] = []
    for (const [symbol, state] of this.#symbols) {
      this.#putLates(symbol, state, watermark)
      for (const [kind, windows] of state.open)
        for (const [start, sums] of windows) {
          const end = start + lengthOf(kind, this.#rules)
          if (watermark < end) continue
          windows.delete(start)
          closed.push(expected({ symbol, kind, start, end }, sums, true))
        }
    }
    return closed
  }

  /** What the watermark has not passed: to be called once, at the end. */
  rest(): Expected[] {
    return [...this.#symbols].flatMap(([symbol, { open }]) =>
      [...open].flatMap(([kind, windows]) =>
        [...windows].map(([start, sums]) =>
          expected({ symbol, kind, start, end: start + lengthOf(kind, this.#rules) }, sums, false),
        ),
      ),
    )
  }

  /** A late print whose time has come is in time for all of its windows: none that holds it is closed yet. */
  #putLates(symbol: string, state: SymbolState, watermark: number): void {
    const lates = this.#lates.get(symbol) ?? []
    for (
      let print = lates[state.nextLate];
      print !== undefined && print.t <= watermark;
      print = lates[state.nextLate]
    ) {
      state.nextLate++
      this.#put(state, print, Number.NEGATIVE_INFINITY)
    }
  }

  #put({ open }: SymbolState, print: Print, watermark: number): void {
    for (const { kind, start, end } of spansOf(print.t, this.#rules)) {
      if (watermark >= end || start < this.#judge.horizon) continue
      const windows = open.get(kind)
      const sums = windows?.get(start) ?? new Sums()
      sums.add(print)
      windows?.set(start, sums)
    }
  }

  #stateOf(symbol: string): SymbolState {
    const known = this.#symbols.get(symbol)
    if (known !== undefined) return known
    const made = { open: new Map(KINDS.map((kind) => [kind, new Map<number, Sums>()])), nextLate: 0 }
    this.#symbols.set(symbol, made)
    return made
  }
}

const expected = (
  span: Omit<Expected, 'values' | 'isPast' | 'touched' | 'lastOffset'>,
  sums: Sums,
  isPast: boolean,
): Expected => ({
  ...span,
  values: sums.values,
  isPast,
  touched: sums.touched,
  lastOffset: sums.lastOffset,
})
