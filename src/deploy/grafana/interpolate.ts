/** Puts values in place of names as Grafana's browser part does, and as the back end of the Cassandra plugin does. */
import { StockpipeError } from '../../errors.ts'

/** Unix ms. */
export interface TimeRange {
  from: number
  to: number
}

/** A variable's value, or all values of one that takes several. */
export type Values = Readonly<Record<string, string | readonly string[]>>

/** `${name}`, `${name:format}`, `${name:date:iso}`; a bare `$name` is left to the plugins. */
const NAMED = /\$\{(\w+)(?::([^}]+))?\}/g

export const interpolate = (text: string, values: Values, range: TimeRange): string =>
  text.replaceAll(NAMED, (_, name: string, format: string | undefined) => {
    if (name === '__from' || name === '__to') return timeOf(name === '__from' ? range.from : range.to, format)
    const value = values[name]
    if (value === undefined) throw new StockpipeError('invalid', `there is no variable ${name} in this dashboard`)
    return formatted(value, format)
  })

function timeOf(ms: number, format: string | undefined): string {
  if (format === undefined || format === 'raw') return String(ms)
  // Every other format is in the zone of a browser, which nobody here knows.
  if (format === 'date' || format === 'date:iso') return new Date(ms).toISOString()
  if (format === 'date:seconds') return String(Math.round(ms / 1000))
  throw unknownFormat(format)
}

function formatted(value: string | readonly string[], format: string | undefined): string {
  const all = typeof value === 'string' ? [value] : value
  if (format === 'sqlstring') return all.map((one) => `'${one.replaceAll("'", "''").replaceAll('"', '\\"')}'`).join()
  if (format === 'csv') return all.join()
  if (format === 'percentencode') return encodeURIComponent(all.join())
  if (format === undefined || format === 'raw') return all.length === 1 ? (all[0] ?? '') : `{${all.join()}}`
  throw unknownFormat(format)
}

const unknownFormat = (format: string): StockpipeError =>
  new StockpipeError('invalid', `the format ${format} of a variable is not known`)

/** What the plugin's back end does with CQL: plain replacement of text. */
export const expandCql = (cql: string, { from, to }: TimeRange): string =>
  cql
    .replaceAll('$__timeFrom', String(from))
    .replaceAll('$__timeTo', String(to))
    .replaceAll('$__unixEpochFrom', String(Math.floor(from / 1000)))
    .replaceAll('$__unixEpochTo', String(Math.floor(to / 1000)))

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30s`, `2h`. */
export function durationMs(words: string): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(words) ?? []
  const ms = UNIT_MS[unit]
  if (ms === undefined) throw new StockpipeError('invalid', `${words} is no duration`)
  return Number(count) * ms
}
