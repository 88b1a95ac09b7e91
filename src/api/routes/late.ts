import { Hono } from 'hono'
import * as v from 'valibot'

import { answerList, type Api, describeList, knownSymbols, pageRequest, rangeExtra, shownRange } from '../list.ts'
import { readPage } from '../paging.ts'
import type { ApiEnv } from '../problem.ts'
import { checked, listEntries, rangeEntries, symbolEntries, symbolsOf } from '../query.ts'
import { columnsOf, late } from '../row-schema.ts'

const query = v.object({ ...symbolEntries, ...rangeEntries, ...listEntries })
const columns = columnsOf(late)
const DAY = 86_400_000

export const lateRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/late',
    describeList(late, {
      summary: 'Trades that came too late for some of their windows',
      description:
        'Each is also in `/v1/trades`. Without a symbol: all. Without `from` and `to`: the last 24 hours up to the newest of them.',
      extra: rangeExtra,
    }),
    checked(query),
    (c) => {
      const query = c.req.valid('query')
      return answerList(c, { api, shape: query }, async () => {
        const symbols = symbolsOf(query) ?? (await knownSymbols(api))
        const page = await readPage(api.store, 'late', pageRequest({ query, symbols, span: DAY }))
        return { columns, rows: page.rows, next: page.next, extra: shownRange(page.range) }
      })
    },
  )
