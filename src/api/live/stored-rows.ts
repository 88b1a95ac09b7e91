import { ANY, type Channel } from '../channel.ts'
import type { LiveRow } from '../protocol.ts'
import type { StoreReader } from '../store-reader.ts'
import { snapshotSize } from './channel-feed.ts'
import { bare } from './live-row.ts'

/** What the store has for the snapshot of a channel: the newest rows of its symbol, or of every symbol the newest. */
export async function storedRows(store: StoreReader, channel: Channel): Promise<LiveRow[]> {
  if (channel.kind === 'latest' && channel.symbol === ANY) return newest(store, channel, null)
  const symbols = channel.symbol === ANY ? await store.symbols() : [channel.symbol]
  const rows: LiveRow[] = []
  for (const symbol of symbols) rows.push(...(await newest(store, channel, symbol)))
  return rows
}

async function newest(store: StoreReader, channel: Channel, symbol: string | null): Promise<LiveRow[]> {
  const rows: LiveRow[] = []
  const query = {
    ...(symbol === null ? {} : { symbols: [symbol], limit: snapshotSize(channel) }),
    ...(channel.interval === null ? {} : { intervals: [channel.interval] }),
    order: 'desc' as const,
  }
  for await (const page of store.read(channel.kind, query)) for (const row of page) rows.push(bare(row))
  return rows
}
