/** The Storage section of the live page in a real browser, by keyboard, at the width of a phone. */
import { expect, test } from 'bun:test'

import { BTC } from '../src/api/api.fixture.ts'
import { systemClock } from '../src/clock.ts'
import { findChromium, openTab } from './chromium.ts'
import { serve } from './page-server.ts'
import { LATE_MS, sees } from './sees.ts'
import { useChromium } from './use-chromium.ts'

const CHROMIUM = findChromium()
const browser = useChromium()

// No Chromium here: test/page.test.ts says so, and fails where CI is set.
test.skipIf(CHROMIUM === null)(
  'shows what lies in the store by keyboard alone, also where there is no row yet and on a phone',
  async () => {
    await using served = await serve()
    await using tab = await openTab(browser(), served.url, { viewport: { width: 360, height: 740 } })
    await tab.page.focus('#storage-open')
    await tab.page.keyboard.press('Enter')
    await sees(tab.page, '#storage-state', /in all, at \d\d:\d\d:\d\d UTC/)
    await sees(tab.page, '#storage-tables tr', /^trades\s+[\d.]+ KiB\s+0\s+for ever$/)
    await sees(tab.page, '#storage-tables tr', /^rollup\s*internal/)
    const button = (table: string) => tab.page.locator('#storage-tables button', { hasText: table })
    await button('trades').first().press('Enter')
    await sees(tab.page, '#peek-state', 'No row of it.')
    await served.trade(92_931.44)
    // One look serves all who ask within two seconds.
    const counted = tab.page.locator('#storage-tables tr', { hasText: /^trades.* KiB1/ })
    for (const end = Date.now() + LATE_MS; (await counted.count()) === 0 && Date.now() < end;)
      await Promise.all([
        tab.page.waitForResponse(/v1\/storage$/),
        systemClock.sleep(200),
        tab.page.locator('#storage-again').press('Enter'),
      ])
    expect(await counted.count()).toBe(1)
    await button('candles').press('Enter')
    await sees(tab.page, '#peek-title', `candles 1m · ${BTC}`)
    await sees(tab.page, '#peek-rows tr', /BINANCE:BTCUSDT\s+1m.*92931\.44/)
    expect(await tab.page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    const spare = await tab.page.locator('#storage').evaluate((dialog) => dialog.clientWidth - dialog.scrollWidth)
    expect(spare).toBe(0)
    served.trouble.isDown = true
    await button('latest').press('Enter')
    await sees(tab.page, '#peek-state', 'These rows cannot be had at the moment.')
    await tab.page.keyboard.press('Escape')
    expect(await tab.page.evaluate(() => document.activeElement?.id)).toBe('storage-open')
    expect(await tab.page.locator('#storage').isVisible()).toBe(false)
    // The browser tells a refused answer itself.
    expect(tab.complaints.filter((text) => !text.includes('503'))).toEqual([])
  },
  2 * LATE_MS,
)
