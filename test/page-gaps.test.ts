/** Gaps on the live page in a real browser. */
import { expect, test } from 'bun:test'

import type { Page } from 'playwright-core'

import { candle, gap } from '../src/api/api.fixture.ts'
import { findChromium, openTab } from './chromium.ts'
import { ETH, MINUTE, serve } from './page-server.ts'
import { isPainted, LATE_MS, sees } from './sees.ts'
import { until } from './until.ts'
import { useChromium } from './use-chromium.ts'

const CHROMIUM = findChromium()
const browser = useChromium()

/** How many stripes mark a gap at the upper edge of the chart; a line of the grid may cross one. */
const edgesOfGaps = (page: Page) =>
  page.evaluate(() => {
    const stripes = [...document.querySelectorAll<HTMLCanvasElement>('#chart canvas')].map((canvas) => {
      const row = canvas.width === 0 ? [] : (canvas.getContext('2d')?.getImageData(0, 1, canvas.width, 1).data ?? [])
      const isEdge = Array.from({ length: row.length / 4 }, (_, i) => row.slice(4 * i, 4 * i + 3).join() === '133,86,0')
      return isEdge.filter((is, i) => is && !isEdge[i - 1] && !isEdge[i - 2]).length
    })
    return Math.max(...stripes)
  })

function told(from: number): string {
  const [first = '', last = ''] = [from, from + MINUTE].map((ts) => new Date(ts).toISOString().slice(0, 19))
  const end = first.slice(0, 10) === last.slice(0, 10) ? last.slice(11) : last.replace('T', ' ')
  return `New gap: outage ${first.replace('T', ' ')} – ${end}, 1 min: socket closed`
}

/** They are drawn with the next frame of the browser. */
const drawsGaps = (page: Page, count: number) =>
  until(
    () => edgesOfGaps(page),
    (drawn) => drawn === count,
  )

// No Chromium here: test/page.test.ts says so, and fails where CI is set.
test.skipIf(CHROMIUM === null)(
  'shades the times in which the market was not seen, says why, and learns of new ones by itself',
  async () => {
    await using served = await serve()
    const now = Date.now()
    const minute = now - (now % MINUTE)
    await served.api.put({ candles: [3, 2, 1].map((back) => candle(minute - back * MINUTE)) })
    await served.trade(91_000, now)
    await using tab = await openTab(browser(), served.url, { colorScheme: 'light' })
    await sees(tab.page, '#legend', /C\s*91,000.00/)
    await isPainted(tab.page)
    expect([await tab.page.locator('#gaps').isVisible(), await edgesOfGaps(tab.page)]).toEqual([false, 0])
    const from = minute - 2 * MINUTE - 30_000
    await served.api.put({ gaps: [gap(from, from + MINUTE), gap(from, from + MINUTE, { symbol: ETH })] })
    await sees(tab.page, '#gap-count', /^1 gap in view$/)
    await tab.page.waitForFunction((text) => document.getElementById('gap-news')?.textContent === text, told(from))
    await drawsGaps(tab.page, 1)
    await tab.page.focus('#gap-count')
    await tab.page.keyboard.press('Enter')
    await sees(tab.page, '#gap-list', told(from).replace('New gap: ', ''))
    await sees(tab.page, '#legend', /[^l]$/)
    await served.api.put({ gaps: [gap(now - 1, now, { cause: 'stall', detail: '' })] })
    await sees(tab.page, '#gap-list li:first-child', /^stall .*, 1 ms: connected, but nothing came$/)
    await sees(tab.page, '#gap-count', /^2 gaps in view$/)
    await sees(tab.page, '#legend', /, open, partial\s+stall /)
    await sees(tab.page, '#figures', '15 s average, partial')
    await drawsGaps(tab.page, 2)
    await tab.page.locator('#watchlist button', { hasText: 'ETHUSDT' }).click()
    await tab.page.locator('#gaps').waitFor({ state: 'hidden' })
    expect(tab.complaints.filter((text) => !text.includes('getImageData'))).toEqual([])
  },
  2 * LATE_MS,
)
