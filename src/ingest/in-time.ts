import type { GapCause } from './feed.ts'
import type { LogRecord, NewRecord } from '../stream/broker.ts'

/** What readers remember of a session lasts a day by the log's time: what waited longer than this could count twice. */
const OLDEST_MS = 12 * 3_600_000

export type GapRecords = (gap: { cause: GapCause; from: number; to: number; detail: string }) => readonly NewRecord[]

/** What of a page of the spool is still sent: instead of what has waited too long, a gap. */
export function inTime(
  page: readonly LogRecord[],
  { now, gapRecords }: { now: number; gapRecords: GapRecords },
): { records: readonly NewRecord[]; tooOld: number } {
  const young = page.findIndex(({ timestamp }) => timestamp >= now - OLDEST_MS)
  if (young === 0) return { records: page.map(toNewRecord), tooOld: 0 }
  const old = young < 0 ? page : page.slice(0, young)
  const rest = young < 0 ? [] : page.slice(young)
  const gaps = old.filter(({ headers }) => headers['gap'] !== undefined)
  const from = receipts(old)[0]
  const to = receipts(rest)[0] ?? (receipts(old).at(-1) ?? 0) + 1
  const detail = 'waited for the log for more than 12 h'
  const missing = from === undefined ? [] : gapRecords({ cause: 'overflow', from, to, detail })
  return { records: [...gaps.map(toNewRecord), ...missing, ...rest.map(toNewRecord)], tooOld: old.length - gaps.length }
}

/** When the frames behind these records were received, where they tell. */
export const receipts = (records: readonly Pick<NewRecord, 'headers'>[]): number[] =>
  records.flatMap(({ headers: { received } }) => (received === undefined ? [] : Number(received)))

const toNewRecord = ({ key, value, headers }: LogRecord): NewRecord => ({ key, value, headers })
