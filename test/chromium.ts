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
  /** Paths asked for, in order. */
  requests: string[]
}

export interface TabOptions extends BrowserContextOptions {
  /** Runs before the page's own script. */
  script?: () => void
}

export async function openTab(browser: Browser, url: string, { script, ...options }: TabOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  if (script !== undefined) await page.addInitScript(script)
  const complaints: string[] = []
  const strangers: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  const requests: string[] = []
  const { host } = new URL(url)
  const note = (address: string) => {
    if (!/^(http|ws)/.test(address)) return
    const { host: other, pathname } = new URL(address)
    if (other === host) requests.push(pathname)
    else strangers.push(address)
  }
  page.on('request', (request) => note(request.url()))
  page.on('websocket', (socket) => note(socket.url()))
  await page.goto(url)
  return { page, complaints, strangers, requests, [Symbol.asyncDispose]: () => context.close() }
}
