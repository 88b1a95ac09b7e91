import type { Page } from 'playwright-core'

import { systemClock } from '../src/clock.ts'

/** Only a failing test waits as long. */
export const LATE_MS = 30_000

/** Waits until the text, as a person sees it, is there; else says what is there instead. */
export async function sees(page: Page, selector: string, wanted: string | RegExp): Promise<void> {
  const end = Date.now() + LATE_MS
  const isThere = (text: string) => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text))
  for (;;) {
    const texts = await page.locator(selector).allInnerTexts()
    if (texts.some(isThere)) return
    if (Date.now() > end) throw new Error(`${selector} says ${JSON.stringify(texts)}, not ${wanted}`)
    await systemClock.sleep(20)
  }
}
