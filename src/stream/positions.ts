/** How far processors are, told by way of the topic of rows to those who are asked: see `TopicLive`. */
import type { Clock } from '../clock.ts'
import type { ToldLatency } from '../latency.ts'

export interface PositionRow {
  /** Rows of this topic have one. */
  symbol: ''
  /** When it was so (unix ms). */
  stamp: number
  partition: number
  /** The next offset to fold. */
  position: number
  /** How long its trades took lately. Absent: there were none. */
  latency?: ToldLatency
}

const EVERY_MS = 1_000
/** For listeners that came later. */
const AGAIN_MS = 10_000

export const positionKey = ({ partition }: PositionRow): string => `|processed||${partition}`

/** Which positions are worth telling. */
export class PositionTeller {
  readonly #clock: Clock
  readonly #latencyOf: (partition: number) => ToldLatency | undefined
  readonly #told = new Map<number, { position: number; at: number }>()

  constructor(clock: Clock, latencyOf: (partition: number) => ToldLatency | undefined = () => undefined) {
    this.#clock = clock
    this.#latencyOf = latencyOf
  }

  /** Null where it was told a moment ago. */
  take(partition: number, position: number): PositionRow | null {
    const at = this.#clock.elapsed()
    const last = this.#told.get(partition)
    if (last !== undefined && at - last.at < (last.position === position ? AGAIN_MS : EVERY_MS)) return null
    this.#told.set(partition, { position, at })
    const latency = this.#latencyOf(partition)
    return { symbol: '', stamp: this.#clock.now(), partition, position, ...(latency === undefined ? {} : { latency }) }
  }
}

/** What was heard last of each partition. */
export class Positions {
  readonly #heard = new Map<number, PositionRow>()
  readonly #onHeard: (row: PositionRow) => void

  constructor(onHeard: (row: PositionRow) => void = () => {}) {
    this.#onHeard = onHeard
  }

  /** Whatever came by that topic and is no row. */
  hear(row: object): void {
    if (!isPosition(row)) return
    const before = this.#heard.get(row.partition)
    if (before !== undefined && before.stamp > row.stamp) return
    this.#heard.set(row.partition, row)
    this.#onHeard(row)
  }

  /** Null where nobody told it. */
  of(partition: number): number | null {
    return this.#heard.get(partition)?.position ?? null
  }
}

const isPosition = (row: object): row is PositionRow =>
  ['partition', 'position', 'stamp'].every((name) => Number.isSafeInteger(Reflect.get(row, name)))
