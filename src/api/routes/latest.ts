import { Hono } from 'hono'
import * as v from 'valibot'

import type { LatestRow } from '../../trade.ts'
import { answerList, type Api, describeList, refuseUnknown } from '../list.ts'
import type { ApiEnv } from '../problem.ts'
import { checked, formatEntries, symbolEntries, symbolsOf } from '../query.ts'
import { columnsOf, latest } from '../row-schema.ts'
import type { StoreReader } from '../store-reader.ts'

const query = v.object({ ...symbolEntries, ...formatEntries })
const columns = columnsOf(latest)

export const latestRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/latest',
    describeList(latest, {
      summary: 'The newest price of each symbol',
      description: 'Without a symbol: all. Price updates without a trade (volume 0) count here, and only here.',
    }),
    checked(query),
    (c) => {
      const query = c.req.valid('query')
      return answerList(c, { api, shape: query }, async () => {
        const symbols = symbolsOf(query)
        const rows = await latestRows(api.store, symbols)
        if (rows.length === 0 && symbols) await refuseUnknown(api, symbols)
        return { columns, rows, next: null }
      })
    },
  )

export async function latestRows(store: StoreReader, symbols: readonly string[] | null): Promise<LatestRow[]> {
  const rows: LatestRow[] = []
  for await (const page of store.read('latest', symbols ? { symbols } : {}))
    for (const { stamp: _, ...row } of page) rows.push(row)
  return rows
}
