/** Makes docs/screenshot.png of the simulated market: `bun test/screenshot.ts`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { findChromium, openTab, startChromium } from './chromium.ts'
import { printedUrl } from './printed-url.ts'

const ROOT = join(import.meta.dir, '..')
const FILE = join(ROOT, 'docs/screenshot.png')
const SIZE = { width: 1440, height: 860 }
const SYMBOLS = 'BINANCE:BTCUSDT,BINANCE:ETHUSDT,BINANCE:XRPUSDT,BINANCE:DOGEUSDT,AAPL,MSFT,NVDA,TSLA'
/** History must be folded, and some trades must have come live. */
const SETTLE_MS = 12_000
const SHOWN_MS = 4_000

async function shoot(executable: string, url: string): Promise<Uint8Array> {
  const browser = await startChromium(executable)
  try {
    await using tab = await openTab(browser, url, { viewport: SIZE, colorScheme: 'dark' })
    await Bun.sleep(SETTLE_MS)
    await tab.page.reload()
    await Bun.sleep(SHOWN_MS)
    return await tab.page.screenshot()
  } finally {
    await browser.close()
  }
}

const executable = findChromium()
if (executable === null) throw new Error('the screenshot needs Chromium: apt-get install chromium')
const folder = await mkdtemp(join(tmpdir(), 'stockpipe-screenshot-'))
const args = ['run', '--listen', '127.0.0.1:0', '--data-dir', folder, '--symbols', SYMBOLS]
const child = Bun.spawn([process.execPath, join(ROOT, 'src/main.ts'), ...args], { stdout: 'ignore', stderr: 'pipe' })
try {
  await Bun.write(FILE, await shoot(executable, await printedUrl(child.stderr)))
} finally {
  child.kill()
  await child.exited
  await rm(folder, { recursive: true, force: true })
}
console.log(FILE)
