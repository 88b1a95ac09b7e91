import { INTERVAL_MS } from '../../trade.ts'
import type { Client } from './client.ts'
import type { View } from './view.ts'

export interface ExportOptions {
  client: Client
  view(): View
  /** Opening times of the first and the last bar on screen. */
  shown(): { from: number; to: number } | null
}

/** An ordinary link to the API's CSV of the candles on screen, made when it is used. */
export function startExport(link: HTMLAnchorElement, options: ExportOptions): void {
  const aim = () => {
    const { symbol, interval } = options.view()
    const range = options.shown()
    const query = new URLSearchParams({ symbol: symbol ?? '', interval, format: 'csv', limit: '10000' })
    if (range !== null) {
      query.set('from', String(range.from))
      query.set('to', String(range.to + INTERVAL_MS[interval]))
    }
    link.href = `/v1/candles?${query.toString()}`
    link.download = `${(symbol ?? 'stockpipe').replaceAll(/[^\w.-]+/g, '-')}-${interval}.csv`
  }
  for (const event of ['pointerdown', 'focus', 'click']) link.addEventListener(event, aim)
  link.addEventListener('click', (event) => {
    if (!options.client.hasToken) return
    event.preventDefault()
    void download(options.client, link)
  })
}

/** A link can carry no token: the file is fetched with it and handed over from memory. */
async function download(client: Client, { href, download }: HTMLAnchorElement): Promise<void> {
  const response = await client.fetch(href)
  if (!response.ok) return
  const file = document.createElement('a')
  file.href = URL.createObjectURL(await response.blob())
  file.download = download
  file.click()
  URL.revokeObjectURL(file.href)
}
