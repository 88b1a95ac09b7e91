import { Hono } from 'hono'
import { describeRoute, resolver, validator } from 'hono-openapi'
import * as v from 'valibot'

import type { Clock } from '../../clock.ts'
import { nearest } from '../../config/nearest.ts'
import type { TableName } from '../../stream/store.ts'
import type { Interval } from '../../trade.ts'
import { type Kept, READ_AS, type StoreCatalog, type Survey } from '../../stream/store/catalog.ts'
import { COLUMNS } from '../../stream/store/columns.ts'
import { answerList, type Api, describeList, problemResponses, refuseUnknown, requiredSymbols } from '../list.ts'
import { type ApiEnv, quoted, refuse } from '../problem.ts'
import { checked, formatEntries, interval, symbolEntries } from '../query.ts'

/** A survey costs the store more than a row does: all who look share one of this age. */
const MAX_AGE_MS = 2_000
const MOST_ROWS = 100
/** Of a text in a row; with the rows and columns there are, an answer stays far below 1 MB. */
const MOST_TEXT = 200

const figure = (what: string) =>
  v.pipe(
    v.object({
      value: v.nullable(v.number()),
      is_estimate: v.boolean(),
      note: v.nullable(v.pipe(v.string(), v.description('How it was found, or why it is not known'))),
    }),
    v.description(what),
  )

const kept = v.object({
  rows: v.pipe(v.string(), v.description('Which rows; empty: all')),
  wanted_ms: v.nullable(v.pipe(v.number(), v.description('As this process is set; null: for ever'))),
  in_force: v.pipe(v.picklist(['as-set', 'differs', 'unknown']), v.description('Whether the store does so')),
  note: v.nullable(v.string()),
})

const surveyed = v.object({
  data: v.object({
    bytes: figure('All tables together'),
    tables: v.array(
      v.object({
        table: v.string(),
        can_be_read: v.pipe(v.boolean(), v.description('At `/v1/storage/{table}`; the others are internal')),
        bytes: figure('On disk'),
        rows: figure('Count of rows'),
        kept: v.array(kept),
      }),
    ),
    at_ts: v.pipe(v.number(), v.description('When it was looked at (unix ms)')),
  }),
  request_id: v.string(),
})

const query = v.object({
  ...symbolEntries,
  interval,
  ...formatEntries,
  limit: v.optional(
    v.pipe(
      v.string(),
      v.description(`At most so many rows, up to ${MOST_ROWS}`),
      v.regex(/^[1-9]\d{0,2}$/, `is no whole number from 1 to ${MOST_ROWS}`),
      v.transform(Number),
      v.maxValue(MOST_ROWS, `is more than ${MOST_ROWS}`),
    ),
    '20',
  ),
})

const param = v.object({
  table: v.pipe(v.string(), v.description(`One of ${Object.keys(READ_AS).join(', ')}`)),
})

/** `/v1/storage`: what lies in the store, and `/v1/storage/{table}`: some rows as they lie there. */
export const storageRoutes = (api: Api, catalog: StoreCatalog) => {
  const survey = shared(catalog, api.context.clock)
  return new Hono<ApiEnv>()
    .get(
      '/v1/storage',
      describeRoute({
        summary: 'The tables of the store: sizes, and how long rows are kept',
        description: 'Looked at anew at most every 2 s. What is not known is null with the reason.',
        tags: ['operation'],
        responses: {
          200: { description: 'The tables', content: { 'application/json': { schema: resolver(surveyed) } } },
          ...problemResponses,
        },
      }),
      checked(v.object({})),
      async (c) => c.json({ data: await survey(), request_id: c.get('requestId') }),
    )
    .get(
      '/v1/storage/:table',
      describeList(v.record(v.string(), v.unknown()), {
        summary: 'The newest rows of a symbol, as they lie in a table',
        description:
          `Newest first, up to ${MOST_ROWS}; there are no further pages. \`interval\` counts for candles alone. Texts ` +
          `of more than ${MOST_TEXT} characters are cut. To read data use the lists.`,
        tag: 'operation',
      }),
      validator('param', param),
      checked(query),
      (c) => {
        const table = tableOf(c.req.param('table'))
        const query = c.req.valid('query')
        if (table !== 'candles' && c.req.query('interval') !== undefined)
          throw refuse('interval', 'is for candles alone')
        return answerList(c, { api, shape: query }, async () => {
          const symbols = await requiredSymbols(api, query)
          if (symbols.length > 1) throw refuse('symbol', 'is to be one here')
          const rows = await peek(api, table, { symbols, interval: query.interval, limit: query.limit })
          if (rows.length === 0) await refuseUnknown(api, symbols)
          return { columns: COLUMNS[table], rows, next: null }
        })
      },
    )
}

/** The name never gets any further than this: what is read comes from the closed list. */
function tableOf(name: string): TableName {
  const table = Object.hasOwn(READ_AS, name) ? READ_AS[name] : undefined
  if (table !== undefined) return table
  const known = Object.keys(READ_AS)
  const near = nearest(name, known)
  const hint = near === null ? `; there are ${known.join(', ')}` : `; did you mean ${near}?`
  throw refuse('table', `${quoted(name)} is no table that can be looked into${hint}`, 'not-found')
}

interface Wanted {
  symbols: readonly string[]
  interval: Interval
  limit: number
}

async function peek({ store }: Api, table: TableName, { symbols, interval, limit }: Wanted): Promise<object[]> {
  const found: object[] = []
  const query = { symbols, limit, order: 'desc' as const }
  const pages = table === 'candles' ? store.read(table, { ...query, intervals: [interval] }) : store.read(table, query)
  for await (const page of pages) found.push(...page.map(clipped))
  return found
}

const clipped = (row: object): object =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'string' && value.length > MOST_TEXT ? `${value.slice(0, MOST_TEXT)}…` : value,
    ]),
  )

function shared(catalog: StoreCatalog, clock: Clock): () => Promise<unknown> {
  let last: { at: number; survey: Promise<unknown> } | null = null
  return async () => {
    const now = clock.now()
    if (last !== null && Math.abs(now - last.at) < MAX_AGE_MS) return last.survey
    const mine = { at: now, survey: catalog.survey().then((survey) => shown(survey, now)) }
    last = mine
    // A failure is nobody's but theirs who waited for it.
    mine.survey.catch(() => {
      if (last === mine) last = null
    })
    return mine.survey
  }
}

const shown = ({ bytes, tables }: Survey, at: number): v.InferOutput<typeof surveyed>['data'] => ({
  bytes: shownFigure(bytes),
  tables: tables.map((table) => ({
    table: table.name,
    can_be_read: table.readAs !== null,
    bytes: shownFigure(table.bytes),
    rows: shownFigure(table.rows),
    kept: table.kept.map(shownKept),
  })),
  at_ts: at,
})

const shownFigure = ({ value, isEstimate, note }: Survey['bytes']) => ({ value, is_estimate: isEstimate, note })

const shownKept = ({ rows, wantedMs, inForce, note }: Kept) => ({ rows, wanted_ms: wantedMs, in_force: inForce, note })
