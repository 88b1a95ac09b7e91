import { Hono } from 'hono'
import * as v from 'valibot'

import { answerList, type Api, describeList, knownSymbols } from '../list.ts'
import type { ApiEnv } from '../problem.ts'
import { checked, formatEntries, symbolEntries, symbolsOf } from '../query.ts'
import { columnsOf, symbolRow, type SymbolRow } from '../row-schema.ts'
import { latestRows } from './latest.ts'

const query = v.object({ ...symbolEntries, ...formatEntries })
const columns = columnsOf(symbolRow)

export const symbolRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/symbols',
    describeList(symbolRow, {
      summary: 'The symbols followed now, and those there is data of',
      description: 'One that is subscribed and has no trade is silent, closed or mistyped.',
    }),
    checked(query),
    (c) => {
      const query = c.req.valid('query')
      return answerList(c, { api, shape: query }, async () => {
        const wanted = symbolsOf(query)
        const rows = await symbolRows(api)
        return { columns, rows: wanted ? rows.filter((row) => wanted.includes(row.symbol)) : rows, next: null }
      })
    },
  )

async function symbolRows(api: Api): Promise<SymbolRow[]> {
  const latest = new Map((await latestRows(api.store, null)).map((row) => [row.symbol, row]))
  const followed = new Set(api.info.symbols)
  return (await knownSymbols(api)).map((symbol) => ({
    symbol,
    subscribed: followed.has(symbol),
    last_trade_ts: latest.get(symbol)?.trade_ts ?? null,
    price: latest.get(symbol)?.price ?? null,
  }))
}
