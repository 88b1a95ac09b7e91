import { type CandleRow, INTERVAL_MS, type WindowRow } from '../../trade.ts'
import type { Client } from './client.ts'
import type { View } from './view.ts'

export interface History {
  candles: readonly CandleRow[]
  windows: readonly WindowRow[]
  /** There may be older candles. */
  isCut: boolean
}

const BARS = 1_000
/** Four hours of windows: for longer bars the line is there for the recent ones. */
const WINDOWS = 3_000
const HOP_MS = 5_000
const THUMBNAIL_BARS = 60
/** Without a range the API answers with a recent one only. */
const EVER = 1

type Asker = Pick<Client, 'get'>
type Page<Row> = { data: readonly Row[] } | null

/** The past of what is on show, newest first; before `to` where that is given. Null: the server did not answer. */
export async function readHistory(client: Asker, { symbol, interval }: View, to?: number): Promise<History | null> {
  if (symbol === null) return null
  const barMs = INTERVAL_MS[interval]
  const windowCount = Math.min(WINDOWS, Math.ceil((BARS * barMs) / HOP_MS))
  const before = to === undefined ? {} : { to }
  const [candles, windows] = await Promise.all([
    client.get<Page<CandleRow>>(path('candles', { symbol, interval, limit: BARS, ...before })),
    barMs > INTERVAL_MS['1m'] && to !== undefined
      ? { data: [] }
      : client.get<Page<WindowRow>>(path('windows', { symbol, limit: windowCount, ...before })),
  ])
  return candles && { candles: candles.data, windows: windows?.data ?? [], isCut: candles.data.length >= BARS }
}

/** The closes of the last hour. */
export async function readThumbnail(client: Asker, symbol: string): Promise<{ ts: number; price: number }[]> {
  const query = { symbol, interval: '1m', limit: THUMBNAIL_BARS }
  const page = await client.get<Page<CandleRow>>(path('candles', query))
  return (page?.data ?? []).map(({ open_ts, close }) => ({ ts: open_ts, price: close }))
}

function path(table: 'candles' | 'windows', query: Record<string, string | number>): string {
  const all = { from: EVER, order: 'desc', ...query }
  return `/v1/${table}?${new URLSearchParams(Object.entries(all).map(([key, value]) => [key, String(value)])).toString()}`
}
