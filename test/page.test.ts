/** The live page in a real browser, over the real API on a real store. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import type { Browser, Page } from 'playwright-core'

import { batch, BTC, candle, entry, type Fixture, latest, openFixture, window } from '../src/api/api.fixture.ts'
import { type ServedApi, serveApi } from '../src/api/serve.ts'
import { createPage } from '../src/api/web/page.ts'
import { type Clock, systemClock } from '../src/clock.ts'
import { INTERVALS } from '../src/trade.ts'
import { fixture, start, temporaryFolder } from './binary.ts'
import { findChromium, openTab, startChromium } from './chromium.ts'

const CHROMIUM = findChromium()
if (CHROMIUM === null && process.env['CI'] === 'true') throw new Error('CI needs Chromium: apt-get install chromium')
if (CHROMIUM === null) console.warn('\nSKIPPED: the live page is NOT TESTED, for there is no Chromium here\n')

const ETH = 'BINANCE:ETHUSDT'
const LATE_MS = 15_000
const MINUTE = 60_000

let browser: Browser
let page: Awaited<ReturnType<typeof createPage>>

beforeAll(async () => {
  if (CHROMIUM === null) return
  browser = await startChromium(CHROMIUM)
  page = await createPage()
})
afterAll(() => browser?.close())

interface Served extends AsyncDisposable {
  api: Fixture<Clock>
  url: string
  stop(): Promise<void>
  /** Again at the same address. */
  restart(): Promise<void>
  /** The next trade of BTC, with the candle, window and latest row that belong to it, written and published. */
  trade(price: number, at?: number): Promise<void>
}

interface ServeOptions {
  origin?: 'live' | 'simulated' | 'replay'
  symbols?: readonly string[]
  token?: string
}

async function serve({ origin = 'live', symbols = [BTC, ETH], token }: ServeOptions = {}): Promise<Served> {
  const info = { version: '1.2.3', commit: 'abc', origin, symbols, startedAt: Date.now() - MINUTE, mode: 'embedded' }
  const api = await openFixture<Clock>({ clock: systemClock, page, info, token: token ?? null })
  const open = (port: number) => serveApi(api.app, { host: '127.0.0.1', port, context: api.context })
  let served: ServedApi = await open(0)
  let offset = 0
  const stop = async () => served[Symbol.asyncDispose]()
  return {
    api,
    url: served.url,
    stop,
    async restart() {
      served = await open(served.port)
    },
    trade: (price, at = Date.now()) => api.put(rowsOf(price, at, offset++)),
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      await stop()
    },
  }
}

function rowsOf(price: number, at: number, offset: number) {
  const prices = { open: 90_000, high: 100_000, low: 80_000, close: price, vwap: price, n: offset + 1, final: false }
  const hop = at - (at % 5_000) + 5_000
  return {
    trades: [batch(offset, [entry(at, { p: price, v: 0.25 })])],
    candles: INTERVALS.map((interval) => {
      const ms = { '1s': 1_000, '1m': MINUTE, '5m': 300_000, '15m': 900_000, '1h': 3_600_000, '1d': 86_400_000 }[
        interval
      ]
      return candle(at - (at % ms), { interval, ...prices, volume: ms })
    }),
    windows: [window(hop, prices)],
    latest: [latest(at, { price, received_ts: at, day_open: 90_000, change: price - 90_000, change_percent: 1.5 })],
  }
}

const text = (page: Page, selector: string) => page.locator(selector).innerText()

/** Waits until the text, as a person sees it, is there; else says what is there instead. */
async function sees(page: Page, selector: string, wanted: string | RegExp): Promise<void> {
  const end = Date.now() + LATE_MS
  const isThere = (text: string) => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text))
  for (;;) {
    const texts = await page.locator(selector).allInnerTexts()
    if (texts.some(isThere)) return
    if (Date.now() > end) throw new Error(`${selector} says ${JSON.stringify(texts)}, not ${wanted}`)
    await systemClock.sleep(20)
  }
}

/** The newest trade in the store, by its own reading. */
async function lastPrice({ api }: Served): Promise<string> {
  for await (const [row] of api.store.read('trades', { symbols: [BTC], order: 'desc', limit: 1 }))
    if (row) return row.price.toLocaleString('en-US', { minimumFractionDigits: 2 })
  return 'none'
}

const isPainted = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLCanvasElement>('#chart canvas')].some((canvas) => {
      const { width, height } = canvas
      const pixels = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? []
      return (
        new Set(Array.from({ length: pixels.length / 4 }, (_, i) => pixels.slice(4 * i, 4 * i + 3).join())).size > 20
      )
    }),
  )

describe.skipIf(CHROMIUM === null)('the live page', () => {
  test(
    'shows the last trade of the store as its price, and goes on showing it as trades come',
    async () => {
      await using served = await serve()
      for (const [index, price] of [91_000, 91_250.5, 92_931.44].entries())
        await served.trade(price, Date.now() - 3_000 + index)
      await using tab = await openTab(browser, served.url)
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
      expect(await isPainted(tab.page)).toBe(true)
      expect([tab.complaints, tab.strangers]).toEqual([[], []])
    },
    2 * LATE_MS,
  )

  test(
    'switches symbol and interval, by hand and by link, and gives what it shows as CSV',
    async () => {
      await using served = await serve()
      await served.trade(91_000)
      const at = Date.now()
      await served.api.put({ latest: [{ ...latest(at, { price: 2_995.9, received_ts: at }), symbol: ETH }] })
      await using tab = await openTab(browser, `${served.url}/#${BTC}/5m`)
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

  test(
    'takes late and out-of-order rows, and never more than 200 lines of trades',
    async () => {
      await using served = await serve()
      const now = Date.now()
      await served.trade(91_000, now)
      await using tab = await openTab(browser, `${served.url}/#${BTC}/1s`)
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

  test(
    'says where the data comes from, and when there is none',
    async () => {
      const badge = async (options: ServeOptions, at: number | null, wanted: RegExp) => {
        await using served = await serve(options)
        if (at !== null) await served.trade(91_000, at)
        await using tab = await openTab(browser, served.url)
        await sees(tab.page, '#badge', wanted)
      }
      const old = Date.now() - 2 * MINUTE
      await Promise.all([
        badge({ origin: 'live' }, Date.now(), /^live$/),
        badge({ origin: 'simulated' }, Date.now(), /^simulated$/),
        badge({ origin: 'replay' }, 1_600_000_000_000, /^replay$/),
        badge({ origin: 'live' }, old, new RegExp(`^stale since ${new Date(old).toISOString().slice(11, 19)}$`)),
        badge({ origin: 'live' }, null, /^no trade since start: check symbol$/),
      ])
    },
    2 * LATE_MS,
  )

  test(
    'notices a lost server, comes back by itself and fills what it missed',
    async () => {
      await using served = await serve()
      await served.trade(91_000)
      await using tab = await openTab(browser, served.url)
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

  test(
    'asks for the token where the server wants one, and for nothing before',
    async () => {
      await using served = await serve({ token: 'a-secret-of-24-characters' })
      await served.trade(91_000)
      await using tab = await openTab(browser, served.url)
      await tab.page.getByLabel('API token').fill('a-secret-of-24-characters')
      await tab.page.keyboard.press('Enter')
      await sees(tab.page, '#price', '91,000.00')
      await sees(tab.page, '#badge', /^live$/)
      expect(tab.page.url()).not.toContain('secret')
      const [download] = await Promise.all([tab.page.waitForEvent('download'), tab.page.click('#export')])
      expect(await Bun.file(await download.path()).text()).toContain('91000')
    },
    2 * LATE_MS,
  )

  test(
    'fits a phone, works by keyboard, and remembers the theme that was chosen',
    async () => {
      await using served = await serve()
      await served.trade(92_931.44)
      await using tab = await openTab(browser, served.url, {
        viewport: { width: 360, height: 740 },
        colorScheme: 'dark',
        reducedMotion: 'reduce',
      })
      await sees(tab.page, '#price', '92,931.44')
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
      const replay = ['--feed', 'replay', '--replay-file', fixture('finnhub-session.ndjson'), '--replay-speed', 'max']
      const child = start(['run', ...replay, '--data-dir', folder.path, '--listen', '127.0.0.1:0'])
      try {
        const url = await printedUrl(child.stderr)
        await using served = await serve()
        expect(await headersOf(url)).toEqual(await headersOf(served.url))
        const [last] = await lastTrades(url)
        await using tab = await openTab(browser, `${url}/#${last?.symbol}/1m`)
        await sees(tab.page, '#price', String(last?.price))
        await sees(tab.page, '#badge', /^replay$/)
        expect(await isPainted(tab.page)).toBe(true)
        expect([tab.complaints, tab.strangers]).toEqual([[], []])
      } finally {
        child.kill()
        await child.exited
      }
    },
    3 * LATE_MS,
  )
})

async function printedUrl(output: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let seen = ''
  for await (const part of output) {
    seen += decoder.decode(part, { stream: true })
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(seen)?.[0]
    if (url !== undefined) return url
  }
  throw new Error(`no address was printed: ${seen}`)
}

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

/** Waits until there are any. */
async function lastTrades(url: string): Promise<{ symbol: string; price: number }[]> {
  for (let tries = 0; tries < 100; tries++) {
    const known = (await (await fetch(`${url}/v1/symbols`)).json()) as {
      data: { symbol: string; price: number | null }[]
    }
    const traded = known.data.find(({ price }) => price !== null)
    const query = `${url}/v1/trades?from=1&order=desc&limit=1&symbol=${encodeURIComponent(traded?.symbol ?? '')}`
    if (traded) return ((await (await fetch(query)).json()) as { data: { symbol: string; price: number }[] }).data
    await systemClock.sleep(50)
  }
  throw new Error('the replay brought no trade')
}
