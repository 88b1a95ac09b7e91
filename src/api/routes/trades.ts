import { Hono } from 'hono'
import * as v from 'valibot'

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
import { readPage } from '../paging.ts'
import type { ApiEnv } from '../problem.ts'
import { checked, listEntries, rangeEntries, symbolEntries } from '../query.ts'
import { columnsOf, trade } from '../row-schema.ts'

const query = v.object({ ...symbolEntries, ...rangeEntries, ...listEntries })
const columns = columnsOf(trade)

export const tradeRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/trades',
    describeList(trade, {
      summary: 'Trades',
      description:
        'Every trade as it was made, once. Without `from` and `to`: the last 15 minutes up to the newest trade of these symbols.',
      extra: rangeExtra,
    }),
    checked(query),
    (c) => {
      const query = c.req.valid('query')
      return answerList(c, { api, shape: query }, async () => {
        const symbols = await requiredSymbols(api, query)
        const page = await readPage(api.store, 'trades', pageRequest({ query, symbols, span: 15 * MINUTE }))
        if (page.rows.length === 0) await refuseUnknown(api, symbols)
        return { columns, rows: page.rows, next: page.next, extra: shownRange(page.range) }
      })
    },
  )
