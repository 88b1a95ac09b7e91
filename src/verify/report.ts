/** What differs, as told to people and programs. */

export const DIFFERENCE_KINDS = ['trade', 'late', 'window', 'candle', 'latest', 'gap', 'dead-letter', 'api'] as const
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number]

/**
 * One value that is not what the rules say. A row that is missing or unknown has the column `row`. Of the API: `stored`
 * is what it serves, `expected` what is stored.
 */
export interface Difference {
  kind: DifferenceKind
  key: string
  column: string
  stored: unknown
  expected: unknown
}

export interface KindReport {
  /** Rows compared. */
  compared: number
  /** Differences found; where `isAtLeast`, there may be more. */
  differences: number
  isAtLeast: boolean
  shown: readonly Difference[]
}

export interface Report {
  /** Records read, and how many of them were sent twice or could not be decoded. */
  records: number
  duplicates: number
  undecodable: number
  /** Records in the log that no processor has committed yet: they were left out. */
  unprocessed: number
  kinds: Readonly<Record<DifferenceKind, KindReport>>
  /** What could not be judged, and why. */
  notes: readonly string[]
}

/** Gathers differences: it counts all and keeps the first few of each kind. */
export class Findings {
  records = 0
  duplicates = 0
  undecodable = 0
  unprocessed = 0
  readonly notes: string[] = []
  readonly #limit: number
  readonly #kinds = new Map<
    DifferenceKind,
    { compared: number; differences: number; isAtLeast: boolean; shown: Difference[] }
  >()

  constructor(limit: number) {
    this.#limit = limit
    for (const kind of DIFFERENCE_KINDS)
      this.#kinds.set(kind, { compared: 0, differences: 0, isAtLeast: false, shown: [] })
  }

  compared(kind: DifferenceKind, rows: number): void {
    this.#of(kind).compared += rows
  }

  add(difference: Difference): void {
    const found = this.#of(difference.kind)
    found.differences++
    if (found.shown.length < this.#limit) found.shown.push(difference)
  }

  /** Differences that are known by their number only. */
  addUnseen(kind: DifferenceKind, count: number): void {
    const found = this.#of(kind)
    found.differences += count
    found.isAtLeast = true
  }

  get hasDifferences(): boolean {
    return [...this.#kinds.values()].some(({ differences }) => differences > 0)
  }

  report(): Report {
    const { records, duplicates, undecodable, unprocessed, notes } = this
    const kinds = Object.fromEntries(this.#kinds) as unknown as Report['kinds']
    return { records, duplicates, undecodable, unprocessed, kinds, notes }
  }

  #of(kind: DifferenceKind) {
    const found = this.#kinds.get(kind)
    if (found === undefined) throw new Error(`no such kind: ${kind}`)
    return found
  }
}

const COUNTED: Readonly<Record<DifferenceKind, string>> = {
  trade: 'trades',
  late: 'late trades',
  window: 'windows',
  candle: 'candles',
  latest: 'newest prices',
  gap: 'gaps',
  'dead-letter': 'dead letters',
  api: 'rows of the API',
}

/** The report for a person. */
export function reportWords(report: Report): string {
  const { records, duplicates, undecodable, kinds, notes } = report
  const count = (value: number) => value.toLocaleString('en')
  const lines = [
    `${count(records)} records of the log: ${count(duplicates)} sent twice, ${count(undecodable)} not readable`,
  ]
  for (const kind of DIFFERENCE_KINDS) {
    const { compared, differences, isAtLeast, shown } = kinds[kind]
    if (compared === 0 && differences === 0) continue
    const found =
      differences === 0
        ? 'all as they should be'
        : `${isAtLeast ? 'at least ' : ''}${count(differences)} difference${differences === 1 ? '' : 's'}`
    lines.push(`${count(compared)} ${COUNTED[kind]} compared: ${found}`)
    lines.push(...shown.map((difference) => `  ${differenceWords(difference)}`))
    if (differences > shown.length) lines.push(`  and ${count(differences - shown.length)} more`)
  }
  lines.push(...notes.map((note) => `note: ${note}`))
  const isClean = DIFFERENCE_KINDS.every((kind) => kinds[kind].differences === 0)
  lines.push(isClean ? 'no differences' : 'DIFFERENCES: what is stored is not what the log says')
  return `${lines.join('\n')}\n`
}

const differenceWords = ({ kind, key, column, stored, expected }: Difference): string =>
  kind === 'api'
    ? `${kind} ${key} ${column}: served ${show(stored)}, stored ${show(expected)}`
    : `${kind} ${key} ${column}: stored ${show(stored)}, expected ${show(expected)}`

const show = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value)
