import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
/** It calls nobody, and its user folder is a new one at every start. */
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The browser of this machine, or null. */
export const findChromium = (): string | null => {
  for (const name of NAMES) {
    const path = Bun.which(name)
    if (path !== null) return path
  }
  return null
}

export const startChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ARGS })

/** A tab, and everything about it that a good page gives no cause for. */
export interface Tab extends AsyncDisposable {
  page: Page
  /** Console errors and warnings (a breach of the content security policy is one) and uncaught errors. */
  complaints: string[]
  /** Addresses asked for on other hosts than the page's. */
  strangers: string[]
}

export async function openTab(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  const strangers: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  const { host } = new URL(url)
  const note = (address: string) => {
    if (/^(http|ws)/.test(address) && new URL(address).host !== host) strangers.push(address)
  }
  page.on('request', (request) => note(request.url()))
  page.on('websocket', (socket) => note(socket.url()))
  await page.goto(url)
  return { page, complaints, strangers, [Symbol.asyncDispose]: () => context.close() }
}
