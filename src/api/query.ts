/** The query parameters of all routes: what they take, what they say when they do not, and how OpenAPI shows them. */
import { validator } from 'hono-openapi'
import * as v from 'valibot'

import { nearest } from '../config/nearest.ts'
import { INTERVALS } from '../trade.ts'
import { type ApiEnv, problem, type ProblemError, quoted } from './problem.ts'
import { parseTime } from './time.ts'

export const MAX_SYMBOLS = 100
const MAX_SYMBOL = 64
export const MAX_LIMIT = 10_000

const time = (description: string) =>
  v.optional(
    v.pipe(
      v.string(),
      v.description(description),
      v.metadata({ examples: ['2026-11-22T14:30:00Z', '1795444200000'] }),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        const ms = parseTime(dataset.value)
        if (typeof ms === 'number') return ms
        addIssue({ message: ms })
        return NEVER
      }),
    ),
  )

const symbolList = (description: string) =>
  v.optional(
    v.pipe(
      v.string(),
      v.description(description),
      v.metadata({ examples: ['BINANCE:BTCUSDT', 'AAPL,MSFT'] }),
      v.transform((text) => [...new Set(text.split(',').map((symbol) => symbol.trim()))]),
      v.check(
        (symbols) => symbols.every((symbol) => symbol !== '' && symbol.length <= MAX_SYMBOL),
        `holds an empty symbol, or one of more than ${MAX_SYMBOL} characters`,
      ),
      v.maxLength(MAX_SYMBOLS, `holds more than ${MAX_SYMBOLS} symbols`),
    ),
  )

const oneOf = <const Options extends readonly [string, ...string[]]>(
  options: Options,
  description: string,
  fallback: Options[number],
) => v.optional(v.pipe(v.picklist(options, `is none of ${options.join(', ')}`), v.description(description)), fallback)

export const formatEntries = {
  format: oneOf(
    ['rows', 'columns', 'csv', 'ndjson'],
    'rows: a list of objects; columns: an object of lists; csv: a plain table; ndjson: an object a line. ' +
      'csv and ndjson name the next page in the headers X-Next-Cursor and Link.',
    'rows',
  ),
  time_format: oneOf(['ms', 'rfc3339'], 'How times are written: unix milliseconds or RFC 3339', 'ms'),
}

export const symbolEntries = {
  symbol: symbolList('One symbol or several, comma separated'),
  symbols: symbolList('The same as `symbol`'),
}

export const listEntries = {
  ...formatEntries,
  limit: v.optional(
    v.pipe(
      v.string(),
      v.description(`At most so many rows, up to ${MAX_LIMIT}`),
      v.regex(/^[1-9]\d{0,4}$/, `is no whole number from 1 to ${MAX_LIMIT}`),
      v.transform(Number),
      v.maxValue(MAX_LIMIT, `is more than ${MAX_LIMIT}`),
    ),
    '1000',
  ),
  cursor: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[\w-]{1,2000}$/, 'is none of this API'),
      v.description('`next_cursor` of the page before; everything else as it was then'),
    ),
  ),
  order: oneOf(['asc', 'desc'], 'By symbol, then by time: oldest or newest first', 'asc'),
}

export const rangeEntries = {
  from: time('First moment (it belongs to the range). Unix ms or RFC 3339.'),
  to: time('Last moment (it does not belong to the range). Unix ms or RFC 3339.'),
  start: time('The same as `from`'),
  end: time('The same as `to`'),
}

export const accessToken = v.optional(
  v.pipe(
    v.string(),
    v.description('The token, for clients that cannot send an Authorization header. On live routes only.'),
  ),
)

export const interval = oneOf(INTERVALS, 'Length of the candles', '1m')

/** Validates the query with `schema`; on trouble answers 400 with all of it at once. */
export const checked = <Entries extends v.ObjectEntries>(schema: v.ObjectSchema<Entries, undefined>) =>
  validator<typeof schema, 'query', ApiEnv, string>(
    'query',
    schema,
    (result, c) => {
      const given = c.req.queries()
      const known = Object.keys(schema.entries)
      const errors = [
        ...unknownParameters(given, known),
        ...(result.success ? contradictions(given) : result.error.flatMap(toError)),
      ]
      const repeated = repeatedParameters(given, known)
      const names = new Set(repeated.map((error) => error.parameter))
      const all = [...errors.filter((error) => !names.has(error.parameter)), ...repeated]
      if (all.length === 0) return undefined
      return problem(c, { status: 400, detail: summary(all), errors: all })
    },
    { options: { typeMode: 'input' } },
  )

const summary = ([first, ...others]: readonly ProblemError[]): string =>
  `${first?.parameter ?? 'The query'}: ${first?.detail ?? 'is wrong'}${others.length > 0 ? ` (and ${others.length} more)` : ''}`

const unknownParameters = (given: Record<string, string[]>, known: readonly string[]): ProblemError[] =>
  Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({ parameter: quoted(name).slice(1, -1), detail: unknownDetail(nearest(name, known), known) }))

const unknownDetail = (near: string | null, known: readonly string[]): string =>
  near === null
    ? `is no parameter here; known: ${known.join(', ') || 'none'}`
    : `is no parameter here; did you mean ${near}?`

const repeatedParameters = (given: Record<string, string[]>, known: readonly string[]): ProblemError[] =>
  known
    .filter((name) => (given[name]?.length ?? 0) > 1)
    .map((name) => ({ parameter: name, detail: 'is given more than once; separate several values by commas' }))

const toError = (issue: { message: string; path?: readonly unknown[] | undefined }): ProblemError[] => {
  const step = issue.path?.[0]
  const key = typeof step === 'object' && step !== null && 'key' in step ? step.key : step
  return [{ parameter: String(key), detail: issue.message }]
}

/** What is right by itself and wrong together. */
function contradictions(given: Record<string, string[]>): ProblemError[] {
  const time = (name: string): number | undefined => {
    const ms = parseTime(given[name]?.[0] ?? '')
    return typeof ms === 'number' ? ms : undefined
  }
  const errors: ProblemError[] = []
  for (const [name, alias] of [
    ['from', 'start'],
    ['to', 'end'],
  ] as const) {
    const [one, other] = [time(name), time(alias)]
    if (one !== undefined && other !== undefined && one !== other)
      errors.push({ parameter: alias, detail: `says something else than ${name}; give one of them` })
  }
  const from = time('from') ?? time('start')
  const to = time('to') ?? time('end')
  if (from !== undefined && to !== undefined && to < from)
    errors.push({ parameter: given['to'] ? 'to' : 'end', detail: 'lies before the beginning of the range' })
  return errors
}

interface Symbols {
  symbol?: readonly string[] | undefined
  symbols?: readonly string[] | undefined
}

/** Every symbol asked for, or null when none was named. */
export const symbolsOf = ({ symbol, symbols }: Symbols): readonly string[] | null =>
  symbol || symbols ? [...new Set([...(symbol ?? []), ...(symbols ?? [])])] : null
