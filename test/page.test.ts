/** The live page in a real browser, over the real API on a real store. */
import { describe, expect, test } from 'bun:test'

import type { Page } from 'playwright-core'

import { canary } from './canary.ts'
import { BTC, candle, latest } from '../src/api/api.fixture.ts'
import { systemClock } from '../src/clock.ts'
import { start, temporaryFolder } from './binary.ts'
import { findChromium, openTab } from './chromium.ts'
import { ETH, MINUTE, serve, type Served } from './page-server.ts'
import { printedUrl } from './printed-url.ts'
import { isPainted, LATE_MS, sees } from './sees.ts'
import { useChromium } from './use-chromium.ts'

const CHROMIUM = findChromium()
if (CHROMIUM === null && process.env['CI'] === 'true') throw new Error('CI needs Chromium: apt-get install chromium')
if (CHROMIUM === null) console.warn('\nSKIPPED: the live page is NOT TESTED, for there is no Chromium here\n')

const STARTED_WITHIN_MS = 15_000

const browser = useChromium()

const text = (page: Page, selector: string) => page.locator(selector).innerText()

/** The newest trade in the store, by its own reading. */
async function lastPrice({ api }: Served): Promise<string> {
  for await (const [row] of api.store.read('trades', { symbols: [BTC], order: 'desc', limit: 1 }))
    if (row) return row.price.toLocaleString('en-US', { minimumFractionDigits: 2 })
  return 'none'
}

// No Chromium here: test/page.test.ts says so, and fails where CI is set.
describe.skipIf(CHROMIUM === null)('the live page', () => {
  test.concurrent(
    'shows the last trade of the store as its price, and goes on showing it as trades come',
    async () => {
      await using served = await serve()
      for (const [index, price] of [91_000, 91_250.5, 92_931.44].entries())
        await served.trade(price, Date.now() - 3_000 + index)
      await using tab = await openTab(browser(), served.url)
      await sees(tab.page, '#price', '92,931.44')
      expect(await text(tab.page, '#price')).toBe(await lastPrice(served))
      await sees(tab.page, '#tape tr:first-child', /▲\s*92,931.44\s+0.25000/)
      for (const price of [92_930.01, 92_935.99, 92_934.5]) await served.trade(price)
      await sees(tab.page, '#price', '92,934.50')
      expect(await text(tab.page, '#price')).toBe(await lastPrice(served))
      await sees(tab.page, '#tape tr:first-child', /▼\s*92,934.50/)
      expect(await tab.page.locator('#tape tr').count()).toBe(6)
      await sees(tab.page, '#watchlist [aria-current=true]', '92,934.50')
      await sees(tab.page, '#legend', /C\s*92,934.50/)
      await sees(tab.page, '#figures', /15 s average\s+92,934.50/)
      expect(await tab.page.title()).toBe(`92,934.50 ${BTC} · stockpipe`)
      await isPainted(tab.page)
      expect([tab.complaints, tab.strangers]).toEqual([[], []])
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'switches symbol and interval, by hand and by link, and gives what it shows as CSV',
    async () => {
      await using served = await serve()
      await served.trade(91_000)
      const at = Date.now()
      await served.api.put({ latest: [{ ...latest(at, { price: 2_995.9, received_ts: at }), symbol: ETH }] })
      await using tab = await openTab(browser(), `${served.url}/#${BTC}/5m`)
      await sees(tab.page, '#legend', /V\s*300,000/)
      await tab.page.locator('#intervals label', { hasText: '1h' }).click()
      await sees(tab.page, '#legend', /V\s*3.60M/)
      expect(new URL(tab.page.url()).hash).toBe(`#${BTC}/1h`)
      const [download] = await Promise.all([tab.page.waitForEvent('download'), tab.page.click('#export')])
      expect(download.suggestedFilename()).toBe('BINANCE-BTCUSDT-1h.csv')
      const [head, row] = (await Bun.file(await download.path()).text()).split('\n')
      expect(head).toContain('open_ts')
      expect(row).toContain('91000')
      await tab.page.locator('#watchlist button', { hasText: 'ETHUSDT' }).press('Enter')
      await sees(tab.page, '#price', '2,995.90')
      await sees(tab.page, '#empty', `No trade of ${ETH} yet.`)
      expect(await tab.page.locator('#tape tr').count()).toBe(0)
      await tab.page.goto(`${served.url}/#${BTC}/1s`)
      await sees(tab.page, '#legend', /V\s*1,000/)
      await tab.page.goto(`${served.url}/#NOSUCH/1m`)
      await sees(tab.page, '#empty', 'NOSUCH is not followed here, and there is no data of it.')
      expect([tab.complaints, tab.strangers]).toEqual([[], []])
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'takes late and out-of-order rows, and never more than 200 lines of trades',
    async () => {
      await using served = await serve()
      const now = Date.now()
      await served.trade(91_000, now)
      await using tab = await openTab(browser(), `${served.url}/#${BTC}/1s`)
      await sees(tab.page, '#price', '91,000.00')
      const second = now - (now % 1000)
      const put = (open_ts: number, n: number) => served.api.put({ candles: [candle(open_ts, { interval: '1s', n })] })
      await put(second - 60_000, 77)
      for (let i = 0; i < 300; i++) await served.trade(91_001 + i, now + i)
      await put(second - 30_000, 78)
      await sees(tab.page, '#price', '91,300.00')
      await sees(tab.page, '#tape tr:first-child', '91,300.00')
      expect(await tab.page.locator('#tape tr').count()).toBeLessThanOrEqual(200)
      await put(second - 60_000, 79)
      await served.trade(92_000)
      await sees(tab.page, '#price', '92,000.00')
      expect([tab.complaints, tab.strangers]).toEqual([[], []])
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'says when data is old, and when there is none',
    async () => {
      const old = Date.now() - 2 * MINUTE
      await using served = await serve({ symbols: [BTC, 'AAPL', ETH] })
      await served.trade(91_000, old)
      await using tab = await openTab(browser(), served.url)
      await sees(tab.page, '#badge', new RegExp(`^stale since ${new Date(old).toISOString().slice(11, 19)}$`))
      await tab.page.locator('#watchlist button', { hasText: 'ETHUSDT' }).click()
      await sees(tab.page, '#badge', /^no trade since start: check symbol$/)
      await tab.page.locator('#watchlist button', { hasText: 'BTCUSDT' }).click()
      await served.trade(91_001)
      await sees(tab.page, '#badge', /^live$/)
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'notices a lost server, comes back by itself and fills what it missed',
    async () => {
      await using served = await serve()
      await served.trade(91_000)
      await using tab = await openTab(browser(), served.url)
      await sees(tab.page, '#badge', /^live$/)
      await served.stop()
      await sees(tab.page, '#badge', /^disconnected$/)
      await served.trade(91_400)
      await served.trade(91_500)
      await served.restart()
      await sees(tab.page, '#badge', /^live$/)
      await sees(tab.page, '#price', '91,500.00')
      await sees(tab.page, '#tape tr:nth-child(2)', '91,400.00')
      expect(await tab.page.locator('#tape tr').count()).toBe(3)
    },
    3 * LATE_MS,
  )

  test.concurrent(
    'follows what begins to trade after it was opened',
    async () => {
      await using served = await serve({ origin: 'replay', symbols: [ETH] })
      await using tab = await openTab(browser(), served.url)
      await using linked = await openTab(browser(), `${served.url}/#${BTC}/1s`)
      await sees(tab.page, '#badge', /^replay$/)
      await sees(linked.page, '#empty', `${BTC} is not followed here`)
      await served.trade(91_000)
      await served.trade(91_500)
      for (const { page } of [tab, linked]) {
        await sees(page, '#price', '91,500.00')
        await sees(page, '#legend', /C\s*91,500.00/)
        await sees(page, '#tape tr:nth-child(2)', '91,000.00')
        await sees(page, '#watchlist [aria-current=true]', 'BTCUSDT')
      }
      expect(await tab.page.locator('#watchlist button').count()).toBe(1)
      await tab.page.goto(`${served.url}/#`)
      await sees(tab.page, '#price', '91,500.00')
      expect(tab.complaints).toEqual([])
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'asks again for what a troubled store did not give',
    async () => {
      await using served = await serve()
      await served.trade(91_000)
      await served.api.put({ candles: [candle(Date.now() - 10 * MINUTE, { open: 70_000, low: 70_000 })] })
      await using tab = await openTab(browser(), served.url)
      await sees(tab.page, '#price', '91,000.00')
      served.trouble.isDown = true
      await tab.page.locator('#intervals label', { hasText: '1s' }).click()
      await systemClock.sleep(100)
      served.trouble.isDown = false
      await sees(tab.page, '#legend', /V\s*1,000/)
      await served.trade(91_700)
      await sees(tab.page, '#legend', /C\s*91,700.00/)
      await sees(tab.page, '#tape tr:first-child', '91,700.00')
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'tells the price in its title also in the background, where nothing is painted',
    async () => {
      await using served = await serve()
      await served.trade(91_000)
      await using tab = await openTab(browser(), served.url, {
        script: () => {
          globalThis.requestAnimationFrame = () => 0
        },
      })
      await sees(tab.page, 'title', '91,000.00')
      await served.trade(91_001)
      await sees(tab.page, 'title', '91,001.00')
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'begins anew when other data is served at its address',
    async () => {
      await using served = await serve({ origin: 'simulated' })
      await served.trade(91_000)
      await using tab = await openTab(browser(), served.url)
      await sees(tab.page, '#badge', /^simulated$/)
      await served.stop()
      served.info.origin = 'live'
      await Promise.all([tab.page.waitForEvent('load'), served.restart()])
      await sees(tab.page, '#badge', /^live$/)
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'asks for the token where the server wants one, and for nothing before',
    async () => {
      await using served = await serve({ token: canary('page') })
      await served.trade(91_000)
      await using tab = await openTab(browser(), served.url)
      const field = tab.page.getByLabel('API token')
      await field.fill('wrong')
      await tab.page.keyboard.press('Enter')
      await sees(tab.page, '#access', 'This is not its token')
      for (let tries = 0; tries < 3; tries++) await tab.page.keyboard.press('Escape')
      await systemClock.sleep(2_200)
      expect(tab.requests.filter((path) => path.startsWith('/v1'))).toEqual([])
      expect(tab.requests.filter((path) => path === '/statusz')).toHaveLength(2)
      await field.fill(` ${canary('page')} `)
      await tab.page.keyboard.press('Enter')
      await sees(tab.page, '#price', '91,000.00')
      await sees(tab.page, '#badge', /^live$/)
      expect(tab.requests.filter((path) => path === '/v1/symbols')).toHaveLength(1)
      expect(tab.page.url()).not.toContain('secret')
      const [download] = await Promise.all([tab.page.waitForEvent('download'), tab.page.click('#export')])
      expect(await Bun.file(await download.path()).text()).toContain('91000')
    },
    2 * LATE_MS,
  )

  test.concurrent(
    'fits a phone, works by keyboard, and remembers the theme that was chosen',
    async () => {
      await using served = await serve()
      await served.trade(92_931.44)
      await using tab = await openTab(browser(), served.url, {
        viewport: { width: 360, height: 740 },
        colorScheme: 'dark',
        reducedMotion: 'reduce',
      })
      await sees(tab.page, '#price', '92,931.44')
      await sees(tab.page, '#hops li:first-child', /^exchange → received\s*–\s*no trade was stored in the last 10 s$/)
      await served.trade(92_931.44)
      await sees(tab.page, '#hops li:last-child', /^stored → sent\s*\d+ \/ \d+ ms$/)
      const state = () =>
        tab.page.evaluate(() => ({
          width: document.documentElement.scrollWidth,
          ground: getComputedStyle(document.body).backgroundColor,
          nameless: [...document.querySelectorAll('button, a, input')].filter(
            (element) => !(element.textContent || element.getAttribute('aria-label') || element.closest('label')),
          ).length,
        }))
      const dark = await state()
      expect([dark.width, dark.nameless]).toEqual([360, 0])
      await tab.page.focus('#theme')
      await tab.page.keyboard.press('Enter')
      await tab.page.reload()
      await sees(tab.page, '#price', '92,931.44')
      expect((await state()).ground).not.toBe(dark.ground)
      await tab.page.focus('#theme')
      for (const part of ['watchlist', 'watchlist', 'intervals', 'export']) {
        await tab.page.keyboard.press('Tab')
        expect(await tab.page.evaluate((id) => document.activeElement?.closest(`#${id}`)?.id, part)).toBe(part)
      }
      await tab.page.focus('#intervals input:checked')
      await tab.page.keyboard.press('ArrowRight')
      await sees(tab.page, '#legend', /V\s*300,000/)
      expect(tab.complaints).toEqual([])
    },
    2 * LATE_MS,
  )

  test(
    'is in the executable, with the same headers as from source',
    async () => {
      using folder = temporaryFolder()
      const startedAt = Date.now()
      const child = start(['run', '--data-dir', folder.path, '--listen', '127.0.0.1:0'])
      try {
        const url = await printedUrl(child.stderr)
        await using tab = await openTab(browser(), url)
        await sees(tab.page, '#price', /^[\d,]+\.\d\d$/)
        await sees(tab.page, '#badge', /^simulated$/)
        expect(Date.now() - startedAt).toBeLessThan(STARTED_WITHIN_MS)
        const newest = await text(tab.page, '#tape tr:first-child')
        await tab.page.locator('#tape tr:first-child', { hasNotText: newest }).waitFor()
        await isPainted(tab.page)
        await using served = await serve()
        expect(await headersOf(url)).toEqual(await headersOf(served.url))
        expect([tab.complaints, tab.strangers]).toEqual([[], []])
      } finally {
        child.kill()
        await child.exited
      }
    },
    3 * LATE_MS,
  )
})

/** Of the page and everything it names. */
async function headersOf(url: string): Promise<Record<string, string | null>[]> {
  const html = await (await fetch(url)).text()
  const names = [...html.matchAll(/(?:src|href)="\.?(\/[^"]+\.(?:js|css|svg))"/g)].map(([, name]) => name ?? '')
  expect(names.map((name) => name.split('.').at(-1)).sort()).toEqual(['css', 'js', 'svg'])
  expect(html).not.toMatch(/<script>|<style|style=|https?:\/\/(?!www\.tradingview\.com)/)
  const kept = [
    'content-type',
    'cache-control',
    'content-encoding',
    'content-security-policy',
    'x-content-type-options',
  ]
  const answers = await Promise.all(['/', ...names].map((name) => fetch(url + name)))
  for (const { status } of answers) expect(status).toBe(200)
  return answers
    .map(({ headers }) => Object.fromEntries(kept.map((name) => [name, headers.get(name)])))
    .sort((a, b) => (String(a['content-type']) < String(b['content-type']) ? -1 : 1))
}
