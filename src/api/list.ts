/** What all lists share: from a checked query to an answer. */
import type { Context as HonoContext } from 'hono'
import { describeRoute, resolver } from 'hono-openapi'
import * as v from 'valibot'

import { nearest } from '../config/nearest.ts'
import type { Context } from '../telemetry.ts'
import type { Interval, TimeRange } from '../trade.ts'
import type { BodyCache } from './body-cache.ts'
import type { Info, Status } from './info.ts'
import type { Hub } from './live/hub.ts'
import type { PageRequest } from './paging.ts'
import { type ApiEnv, quoted, refuse } from './problem.ts'
import { symbolsOf } from './query.ts'
import { render, type RowList, type Shape } from './render.ts'
import type { StoreReader } from './store-reader.ts'

/** What routes are made of. */
export interface Api {
  store: StoreReader
  context: Context
  info: Info
  status: Status
  hub: Hub
  bodies: BodyCache
  /** Origins of other pages that may read; `*` for all. */
  corsOrigin: readonly string[]
}

export async function answerList(
  c: HonoContext<ApiEnv>,
  options: { api: Api; shape: Shape },
  make: () => Promise<RowList>,
): Promise<Response> {
  const body = await options.api.bodies.get(c.req.url, async () => render(await make(), options.shape))
  const requestId = c.get('requestId')
  if (body.type === 'application/json')
    return c.body(`${body.text.slice(0, -1)},"request_id":"${requestId}"}`, 200, { 'content-type': body.type })
  if (body.next !== null) {
    c.header('x-next-cursor', body.next)
    c.header('link', `<${nextUrl(c.req.url, body.next)}>; rel="next"`)
  }
  return c.body(body.text, 200, { 'content-type': `${body.type}; charset=utf-8` })
}

const nextUrl = (url: string, cursor: string): string => {
  const next = new URL(url)
  next.searchParams.set('cursor', cursor)
  return `${next.pathname}${next.search}`
}

interface ListQuery {
  symbol?: readonly string[] | undefined
  symbols?: readonly string[] | undefined
  from?: number | undefined
  to?: number | undefined
  start?: number | undefined
  end?: number | undefined
  order: 'asc' | 'desc'
  limit: number
  cursor?: string | undefined
}

export interface PageOptions {
  query: ListQuery
  symbols: readonly string[] | null
  span: number
  interval?: Interval
}

export const pageRequest = ({ query, symbols, span, interval }: PageOptions): PageRequest => ({
  symbols,
  interval: interval ?? null,
  from: query.from ?? query.start ?? null,
  to: query.to ?? query.end ?? null,
  order: query.order,
  limit: query.limit,
  cursor: query.cursor ?? null,
  span,
})

/** The symbols asked for; without any the request is refused, naming some that there are. */
export async function requiredSymbols(
  api: Api,
  query: Pick<ListQuery, 'symbol' | 'symbols'>,
): Promise<readonly string[]> {
  const wanted = symbolsOf(query)
  if (wanted) return wanted
  const known = await knownSymbols(api)
  const some = known.slice(0, 5).join(', ')
  throw refuse('symbol', `is needed: one or several, comma separated${some && `; there are ${some}`}`)
}

export const knownSymbols = async ({ store, info }: Api): Promise<readonly string[]> =>
  [...new Set([...info.symbols, ...(await store.symbols())])].sort()

/** An empty answer about a symbol that was never followed is most likely a mistyped one: 404, not silence. */
export async function refuseUnknown(api: Api, symbols: readonly string[]): Promise<void> {
  const known = await knownSymbols(api)
  if (symbols.some((symbol) => known.includes(symbol))) return
  const [first] = symbols
  if (first === undefined) return
  const near = nearest(first, known)
  const hint = near === null ? '; /v1/symbols lists those there are' : `; did you mean ${near}?`
  throw refuse('symbol', `${quoted(first)} is not known here${hint}`, 'not-found')
}

export const MINUTE = 60_000

/** The OpenAPI description of a list of `row`. */
export const describeList = (
  row: v.GenericSchema,
  about: { summary: string; description?: string; tag?: string; extra?: v.ObjectEntries },
) =>
  describeRoute({
    summary: about.summary,
    ...(about.description === undefined ? {} : { description: about.description }),
    tags: [about.tag ?? 'data'],
    responses: {
      200: {
        description: 'Rows; `next_cursor` is null on the last page',
        content: {
          'application/json': {
            schema: resolver(
              v.object({
                data: v.array(row),
                next_cursor: v.nullable(v.string()),
                ...about.extra,
                request_id: v.string(),
              }),
            ),
          },
          'text/csv': { schema: { type: 'string' } },
          'application/x-ndjson': { schema: { type: 'string' } },
        },
      },
      ...problemResponses,
    },
  })

const problemContent = { content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }

export const problemResponses = {
  400: { description: 'The query is wrong; `errors` names each parameter', ...problemContent },
  401: { description: 'The token is missing or wrong', ...problemContent },
  404: { description: 'Not known', ...problemContent },
  503: { description: 'The store cannot be read at the moment', ...problemContent },
}

export const rangeExtra = {
  range: v.pipe(
    v.object({ from: v.number(), to: v.nullable(v.number()) }),
    v.description('The range that was used, `[from, to)` in unix ms; `to` is null when it has no end'),
  ),
}

export const shownRange = ({ from, to }: TimeRange) => ({
  range: { from, to: to === Number.MAX_SAFE_INTEGER ? null : to },
})
