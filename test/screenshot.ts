/** Makes docs/screenshot.png of the simulated market, half dark, half light: `bun test/screenshot.ts`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { findChromium, openTab, startChromium } from './chromium.ts'

const ROOT = join(import.meta.dir, '..')
const FILE = join(ROOT, 'docs/screenshot.png')
const SIZE = { width: 1280, height: 760 }
const SYMBOLS = 'BINANCE:BTCUSDT,BINANCE:ETHUSDT,BINANCE:XRPUSDT,BINANCE:DOGEUSDT,AAPL,MSFT,NVDA,TSLA'
/** History must be folded, and some trades must have come live. */
const SETTLE_MS = 12_000

async function addressOf(output: ReadableStream<Uint8Array>): Promise<string> {
  let seen = ''
  for await (const part of output) {
    seen += new TextDecoder().decode(part)
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(seen)?.[0]
    if (url !== undefined) return url
  }
  throw new Error(`stockpipe did not start: ${seen}`)
}

async function shoot(executable: string, url: string): Promise<Uint8Array> {
  const browser = await startChromium(executable)
  try {
    const options = { viewport: SIZE, colorScheme: 'dark' as const, deviceScaleFactor: 2 }
    await using tab = await openTab(browser, url, options)
    await Bun.sleep(SETTLE_MS)
    const dark = await tab.page.screenshot()
    await tab.page.click('#theme')
    await tab.page.mouse.move(0, 0)
    const light = await tab.page.screenshot()
    const paper = await browser.newPage({ viewport: SIZE, deviceScaleFactor: 1.5 })
    await paper.setContent(split(dark, light))
    return await paper.screenshot()
  } finally {
    await browser.close()
  }
}

/** The dark picture, and over it the light one below the diagonal. */
const split = (dark: Uint8Array, light: Uint8Array): string => `<style>
    body { margin: 0 }
    img { position: absolute; width: 100vw; height: 100vh }
    img + img { clip-path: polygon(64% 0, 100% 0, 100% 100%, 36% 100%) }
  </style>${[dark, light].map((png) => `<img src="data:image/png;base64,${Buffer.from(png).toString('base64')}">`).join('')}`

const executable = findChromium()
if (executable === null) throw new Error('the screenshot needs Chromium: apt-get install chromium')
const folder = await mkdtemp(join(tmpdir(), 'stockpipe-screenshot-'))
const args = ['run', '--listen', '127.0.0.1:0', '--data-dir', folder, '--symbols', SYMBOLS]
const child = Bun.spawn([process.execPath, join(ROOT, 'src/main.ts'), ...args], { stdout: 'ignore', stderr: 'pipe' })
try {
  await Bun.write(FILE, await shoot(executable, await addressOf(child.stderr)))
} finally {
  child.kill()
  await child.exited
  await rm(folder, { recursive: true, force: true })
}
console.log(FILE)
