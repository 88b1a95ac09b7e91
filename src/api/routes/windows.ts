import { Hono } from 'hono'
import * as v from 'valibot'

import { judgeWindows } from '../judge.ts'
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
import { columnsOf, window } from '../row-schema.ts'

const query = v.object({ ...symbolEntries, ...rangeEntries, ...listEntries })
const columns = columnsOf(window)

export const windowRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/windows',
    describeList(window, {
      summary: 'Running averages of 15 seconds, a new one every 5',
      description:
        'Ranges are by the end of a window. Without `from` and `to`: the last 15 minutes up to the newest window of these symbols.',
      extra: rangeExtra,
    }),
    checked(query),
    (c) => {
      const query = c.req.valid('query')
      return answerList(c, { api, shape: query }, async () => {
        const symbols = await requiredSymbols(api, query)
        const page = await readPage(api.store, 'windows', pageRequest({ query, symbols, span: 15 * MINUTE }))
        if (page.rows.length === 0) await refuseUnknown(api, symbols)
        const rows = await judgeWindows(api, page.rows)
        return { columns, rows, next: page.next, extra: shownRange(page.range) }
      })
    },
  )
