/** Times as people write them. */

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?:[Zz]|[+ -]\d\d:\d\d))?$/
const LATEST = 4_102_444_800_000

/** Unix ms of `1700000000000`, `2026-11-22T14:30:00Z`, `...+01:00` or `2026-11-22`; else what is wrong with it. */
export function parseTime(text: string): number | string {
  if (/^\d{1,16}$/.test(text)) return checkMs(Number(text))
  const parts = RFC_3339.exec(text)
  if (!parts) return 'is neither unix milliseconds nor an RFC 3339 time like 2026-11-22T14:30:00Z'
  // A plus sign that was not percent-encoded arrives as a space.
  const iso = text
    .toUpperCase()
    .replace(/ (?=\d\d:\d\d$)/, '+')
    .replace(' ', 'T')
  const ms = Date.parse(iso)
  if (Number.isNaN(ms) || !isRealDay(parts)) return 'is not a time of the calendar'
  return ms >= 0 && ms <= LATEST ? ms : 'lies before 1970 or after 2099'
}

function checkMs(ms: number): number | string {
  if (ms > LATEST) return 'lies after 2099: times are milliseconds, not micro- or nanoseconds'
  if (ms >= 1e8 && ms < 1e11) return 'looks like seconds: times are milliseconds'
  return ms
}

function isRealDay([, year, month, day]: RegExpExecArray): boolean {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
}
