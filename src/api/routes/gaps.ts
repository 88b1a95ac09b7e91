import { Hono } from 'hono'
import * as v from 'valibot'

import { joinDays } from '../join-days.ts'
import { answerList, type Api, describeList, pageRequest, rangeExtra, refuseUnknown, shownRange } from '../list.ts'
import { readPage } from '../paging.ts'
import type { ApiEnv } from '../problem.ts'
import { checked, listEntries, rangeEntries, symbolEntries, symbolsOf } from '../query.ts'
import { columnsOf, gap } from '../row-schema.ts'

const query = v.object({ ...symbolEntries, ...rangeEntries, ...listEntries })
const columns = columnsOf(gap)
const DAYS_7 = 7 * 86_400_000

export const gapRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/gaps',
    describeList(gap, {
      summary: 'Times without a view of the market',
      description:
        'All gaps that overlap the range, each whole, also where it began before or ends after it. Without a symbol: ' +
        'of all. Without `from` and `to`: the last 7 days. Trades in these times may be missing; a candle or window ' +
        'that overlaps one is `partial`. A gap that lasts is told again and again with a ' +
        'later end; what is not told yet is not in the list, so an empty one says nothing about this moment. A page may have fewer rows than `limit`: go on as long as there is a `next_cursor`.',
      extra: rangeExtra,
    }),
    checked(query),
    (c) => {
      const query = c.req.valid('query')
      return answerList(c, { api, shape: query }, async () => {
        const symbols = symbolsOf(query)
        const now = api.context.clock.now()
        const page = await readPage(api.store, 'gaps', { ...pageRequest({ query, symbols, span: DAYS_7 }), now })
        if (page.rows.length === 0 && symbols !== null) await refuseUnknown(api, symbols)
        const rows = await joinDays(api.store, page.rows, page.range)
        return { columns, rows, next: page.next, extra: shownRange(page.range) }
      })
    },
  )
