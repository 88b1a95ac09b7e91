import { refuse, type ValueType } from './value.ts'

const LAST_MS = 4_102_444_800_000

/** A time: unix ms, a day, or RFC 3339; UTC where no offset is written. */
export const moment: ValueType<number> = {
  accepts: 'unix ms, 2026-03-02, or 2026-03-02T14:30:00Z',
  parse(value) {
    const text = value.trim()
    if (/^\d+$/.test(text)) {
      const ms = Number(text)
      if (ms > LAST_MS) throw refuse('is too far in the future', 'times are in ms since 1970')
      return ms
    }
    const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/i.exec(text)
    const ms = parts ? Date.parse(`${parts[1]}T${parts[2] ?? '00:00'}${parts[3] ?? 'Z'}`) : Number.NaN
    if (Number.isNaN(ms)) throw refuse('is not a time')
    return ms
  },
  print: (value) => new Date(value).toISOString(),
}
