import { Hono } from 'hono'
import * as v from 'valibot'

import { carry } from '../carry.ts'
import { judgeCandles } from '../judge.ts'
import {
  answerList,
  type Api,
  describeList,
  MINUTE,
  pageRequest,
  rangeExtra,
  refuseUnknown,
  requiredSymbols,
  shownRange,
} from '../list.ts'
import { among, collect, openCursor, type Page, type PageRequest, readPage, sealCursor } from '../paging.ts'
import { type ApiEnv, refuse } from '../problem.ts'
import { checked, interval, listEntries, rangeEntries, symbolEntries } from '../query.ts'
import { candle, columnsOf } from '../row-schema.ts'
import type { StoreReader } from '../store-reader.ts'
import { SERVED } from '../table.ts'
import { type CandleRow, INTERVAL_MS, type Interval } from '../../trade.ts'

const query = v.object({
  ...symbolEntries,
  interval,
  ...rangeEntries,
  ...listEntries,
  fill: v.optional(
    v.pipe(
      v.picklist(['none', 'carry'], 'is none of none, carry'),
      v.description(
        'carry: where there was no trade, a candle at the close before, with volume and n = 0 (one symbol, order=asc)',
      ),
    ),
    'none',
  ),
})
type CandleQuery = v.InferOutput<typeof query>
const columns = columnsOf(candle)

export const candleRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/candles',
    describeList(candle, {
      summary: 'Candles',
      description:
        'A candle without a trade has no row, unless `fill=carry` is asked for. Without `from` and `to`: up to the newest ' +
        'candle of these symbols, 15 minutes back for 1s, else 300 candles back.',
      extra: rangeExtra,
    }),
    checked(query),
    (c) => {
      const query = c.req.valid('query')
      return answerList(c, { api, shape: query }, async () => {
        const page = await candlePage(api, query)
        const rows = await judgeCandles(api, page.rows, query.interval)
        return { columns, rows, next: page.next, extra: shownRange(page.range) }
      })
    },
  )

async function candlePage(api: Api, query: CandleQuery): Promise<Page<CandleRow>> {
  const symbols = await requiredSymbols(api, query)
  if (query.fill === 'carry') checkFill(query, symbols)
  const request = pageRequest({ query, symbols, span: spanOf(query.interval), interval: query.interval })
  const page = await readPage(api.store, 'candles', request)
  if (page.rows.length === 0) await refuseUnknown(api, symbols)
  return query.fill === 'carry' ? withCarried(api.store, page, request) : page
}

const spanOf = (interval: Interval): number => (interval === '1s' ? 15 * MINUTE : 300 * INTERVAL_MS[interval])

function checkFill(query: CandleQuery, symbols: readonly string[]): void {
  if (symbols.length !== 1) throw refuse('fill', 'carry works for one symbol at a time')
  if (query.order !== 'asc') throw refuse('fill', 'carry works with order=asc only')
}

/** The page without holes; its end moves forward when the holes take up the limit. */
async function withCarried(store: StoreReader, page: Page<CandleRow>, request: PageRequest): Promise<Page<CandleRow>> {
  const cursor = openCursor('candles', request)
  const behind = cursor === null ? null : SERVED.candles.fromPlace(cursor.place)
  const from = behind === null ? page.range.from : behind.open_ts + 1
  const [previous] = await collect(store, 'candles', { ...among(request), to: from, order: 'desc', limit: 1 })
  const until = page.next === null && (await hasNewer(store, page, request)) ? page.range.to : null
  const rows = carry(page.rows, { previous: previous ?? null, from, until, limit: request.limit + 1 })
  if (rows.length <= request.limit) return { ...page, rows }
  rows.length = request.limit
  const last = rows.at(-1)
  const next = last ? sealCursor('candles', request, { range: page.range, place: SERVED.candles.place(last) }) : null
  return { ...page, rows, next }
}

const hasNewer = async (store: StoreReader, page: Page<CandleRow>, request: PageRequest): Promise<boolean> =>
  page.range.to < Number.MAX_SAFE_INTEGER &&
  (await collect(store, 'candles', { ...among(request), from: page.range.to, limit: 1 })).length > 0
