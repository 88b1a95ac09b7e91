import { Hono } from 'hono'
import * as v from 'valibot'

import { answerList, type Api, describeList } from '../list.ts'
import type { ApiEnv } from '../problem.ts'
import { checked, listEntries, rangeEntries, symbolEntries } from '../query.ts'
import { columnsOf, gap } from '../row-schema.ts'

const query = v.object({ ...symbolEntries, ...rangeEntries, ...listEntries })
const columns = columnsOf(gap)
const NOTE =
  'This version keeps no ledger of gaps yet: an empty list does not mean that nothing is missing, and `complete` is unknown everywhere.'

export const gapRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/gaps',
    describeList(gap, {
      summary: 'Times without a view of the market',
      description: NOTE,
      extra: { note: v.string() },
    }),
    checked(query),
    (c) =>
      answerList(c, { api, shape: c.req.valid('query') }, async () => ({
        columns,
        rows: [],
        next: null,
        extra: { note: NOTE },
      })),
  )
