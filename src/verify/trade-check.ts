import type { LogRecord } from '../stream/broker.ts'
import type { ReprocessRun } from '../stream/store/revisions.ts'
import { COLUMNS } from '../stream/store/columns.ts'
import type { LateRow, TradeRow } from '../trade.ts'
import { type ExpectedLate, lateRow, tradeRow } from './expected-rows.ts'
import { Fold } from './fold.ts'
import type { Judge, Judged, Verdict } from './judge.ts'
import { Ledger, type Placed } from './ledger.ts'
import type { Work } from './options.ts'
import type { Part } from './parts.ts'
import type { Patience } from './patience.ts'
import { recordsOf } from './read-log.ts'
import { differencesBetween, rowKey, type TableRow } from './row-differences.ts'

/** Stretches that are looked at row by row. */
const MOST_STRETCHES = 32
const SLACK_MS = 3_600_000

type Table = 'trades' | 'late'

const KIND = { trades: 'trade', late: 'late' } as const
const LATE_COLUMNS = COLUMNS.late.filter((column) => column !== 'incarnation')

/** What may be judged of a partition, by offset. */
interface Judgeable {
  trades: number
  late: number
  end: number
}

/** Compares `trades` and `late_trades`: every row that the log gives, no other, and everything in them. */
export class TradeCheck {
  readonly #work: Work
  /** Reprocessings that wrote marked repeats. */
  readonly #runs: readonly ReprocessRun[]
  /** False where such a reprocessing was cut short: nobody knows which of them it wrote. */
  readonly #isSureOfRepeats: boolean
  readonly #ledgers = { trades: new Ledger(COLUMNS.trades), late: new Ledger(LATE_COLUMNS) }
  readonly #judgeable = new Map<number, Judgeable>()
  /** Log timestamp before which rows may have expired. */
  readonly #expiredBefore: number
  /** By partition: the first offset whose rows cannot have expired. */
  readonly #freshFrom = new Map<number, number>()
  #unjudged = 0

  constructor(work: Work, runs: readonly ReprocessRun[]) {
    this.#work = work
    this.#runs = runs.filter(({ rule }) => rule.ignoreMarks)
    this.#isSureOfRepeats = this.#runs.every((run) => run.rows !== null)
    const { tradesMs } = work.retention
    this.#expiredBefore = tradesMs === null ? Number.NEGATIVE_INFINITY : work.clock.now() - tradesMs + SLACK_MS
  }

  add(record: LogRecord, verdict: Verdict, { partition, judge }: { partition: number; judge: Judge }): void {
    for (const { table, row } of this.#rowsOf(record, verdict, { partition, judge })) {
      this.#work.findings.compared(KIND[table], 1)
      this.#ledgers[table].expect(row)
    }
  }

  /** The partition is folded to its end. */
  close({ partition, start, end }: Part, { certainFrom }: Judge): void {
    const fresh = this.#freshFrom.get(partition) ?? end
    this.#judgeable.set(partition, {
      trades: Math.max(start, fresh),
      late: Math.max(start, fresh, certainFrom),
      end,
    })
  }

  /** To be called when every partition is closed. */
  async compare(parts: readonly Part[], patience: Patience): Promise<void> {
    for (const table of ['trades', 'late'] as const) await this.#compareTable(table, parts, patience)
    if (this.#unjudged > 0)
      this.#work.findings.notes.push(
        `${this.#unjudged.toLocaleString('en')} trades and late trades came before what is left of the log, or may have expired: they could not be judged`,
      )
  }

  async #compareTable(table: Table, parts: readonly Part[], patience: Patience): Promise<void> {
    const ledger = this.#ledgers[table]
    await this.#scan(table, { judged: (row) => ledger.found(row), api: this.#work.api !== null })
    let unequal = ledger.unequal()
    if (unequal.length === 0) return
    const looked = unequal.slice(0, MOST_STRETCHES)
    const stretches = new Set(looked.map(({ stretch }) => stretch))
    const expected = await this.#expectedIn(table, parts, stretches)
    let differences = await this.#differences(table, { expected, stretches })
    while (differences.length > 0 && (await patience.again()))
      differences = await this.#differences(table, { expected, stretches })
    for (const difference of differences) this.#work.findings.add(difference)
    unequal = unequal.slice(MOST_STRETCHES)
    const unseen = unequal.reduce((sum, { missing }) => sum + Math.max(1, Math.abs(missing)), 0)
    if (unseen > 0) this.#work.findings.addUnseen(KIND[table], unseen)
  }

  /** The rows that the rules give for a record, as far as they are wanted and can be judged. */
  *#rowsOf(
    record: LogRecord,
    verdict: Verdict,
    { partition, judge }: { partition: number; judge: Judge },
  ): Generator<{ table: Table; row: TradeRow | ExpectedLate }, void> {
    if (record.timestamp < this.#expiredBefore) return
    if (!this.#freshFrom.has(partition)) this.#freshFrom.set(partition, record.offset)
    const { received } = verdict
    for (const judged of verdict.entries) {
      if (!this.#isWanted(judged.entry.s, judged.entry.t)) continue
      const flags = this.#flagsOf(record, judged, partition)
      if (flags === null) continue
      yield { table: 'trades', row: tradeRow(record, judged, { partition, received, flags }) }
      if (judged.what !== 'trade' || record.offset < judge.certainFrom) continue
      const late = lateRow(record, judged, { partition, rules: this.#work.rules })
      if (late !== null) yield { table: 'late', row: late }
    }
  }

  /** Null for what is no row. */
  #flagsOf({ offset }: LogRecord, { what, entry, isMarked }: Judged, partition: number): string[] | null {
    if (what === 'trade') return []
    if (what === 'future') return ['future']
    if (what === 'update' || !isMarked || entry.v === 0 || !this.#isSureOfRepeats) return null
    const { s, t } = entry
    const isWritten = this.#runs.some(
      ({ from, to, symbols, ends }) =>
        t >= from && t < to && (symbols?.includes(s) ?? true) && offset < (ends[partition] ?? 0),
    )
    return isWritten ? ['repeat'] : null
  }

  #isWanted(symbol: string, t: number): boolean {
    const { symbols, range } = this.#work
    return t >= range.from && t < range.to && (symbols?.includes(symbol) ?? true)
  }

  /** Reads the whole table once. Rows that no reading of the log could speak of are left out. */
  async #scan(
    table: Table,
    { judged, api }: { judged: (row: TradeRow | LateRow) => void; api: boolean },
  ): Promise<void> {
    const { store, symbols, range, progress, signal, findings } = this.#work
    const query = {
      ...(symbols === null ? {} : { symbols }),
      ...(range.from === Number.NEGATIVE_INFINITY ? {} : { from: range.from }),
      ...(range.to === Number.POSITIVE_INFINITY ? {} : { to: range.to }),
    }
    let read = 0
    this.#unjudged = table === 'trades' ? 0 : this.#unjudged
    for await (const rows of store.read(table, query)) {
      if (signal.aborted) return
      read += rows.length
      progress({ records: findings.records, doing: `${read.toLocaleString('en')} rows of ${table} read` })
      const judgeable = rows.filter((row) => this.#isJudgeable(table, row))
      for (const row of await this.#withoutNewer(judgeable)) judged(row)
      if (api && table === 'trades') await this.#work.api?.compareTrades(this.#work, rows as readonly TradeRow[])
    }
  }

  #isJudgeable(table: Table, row: TableRow): boolean {
    if (!this.#isSureOfRepeats && 'flags' in row && row.flags === 'repeat') return false
    const known = this.#judgeable.get(row.log_partition)
    if (known === undefined || row.log_offset >= known[table]) return true
    this.#unjudged++
    return false
  }

  /** Without rows of records that came while this was under way. Beyond the end of the log as it is now there is none. */
  async #withoutNewer<Row extends Placed>(rows: readonly Row[]): Promise<readonly Row[]> {
    const isBehind = ({ log_partition, log_offset }: Row) =>
      log_offset >= (this.#judgeable.get(log_partition)?.end ?? 0)
    if (!rows.some(isBehind)) return rows
    const bounds = await this.#work.broker.bounds(this.#work.topic)
    return rows.filter((row) => !isBehind(row) || row.log_offset >= (bounds[row.log_partition]?.end ?? 0))
  }

  /** Reads the log once more, for the rows of a few stretches. */
  async #expectedIn(
    table: Table,
    parts: readonly Part[],
    stretches: ReadonlySet<number>,
  ): Promise<Map<string, TableRow>> {
    const expected = new Map<string, TableRow>()
    const rules = { ...this.#work.rules, ignoreMarks: false, includeLate: false }
    for (const part of parts) {
      const fold = new Fold({ rules, part, wanted: { symbols: new Set() } })
      for await (const records of recordsOf({ ...this.#work, ...part }))
        for (const record of records) {
          const verdict = fold.fold(record)
          if (verdict === null) continue
          for (const { table: of, row } of this.#rowsOf(record, verdict, { ...part, judge: fold.judge }))
            if (of === table && this.#ledgers[table].isIn(row, stretches)) expected.set(rowKey(row), row)
        }
    }
    return expected
  }

  async #differences(
    table: Table,
    { expected, stretches }: { expected: ReadonlyMap<string, TableRow>; stretches: ReadonlySet<number> },
  ) {
    const stored = new Map<string, TableRow>()
    const keep = (row: TradeRow | LateRow) => {
      if (this.#ledgers[table].isIn(row, stretches)) stored.set(rowKey(row), row)
    }
    await this.#scan(table, { judged: keep, api: false })
    const columns = table === 'trades' ? COLUMNS.trades : LATE_COLUMNS
    return differencesBetween(stored, expected, { kind: KIND[table], columns, unknown: (row) => this.#unknown(row) })
  }

  #unknown({ log_partition, log_offset }: Placed): string {
    const end = this.#judgeable.get(log_partition)?.end
    if (end === undefined) return 'a row of a partition that the log does not have'
    return log_offset >= end ? 'a row beyond the end of the log: the topic was made anew' : 'a row'
  }
}
