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
    await systemClock.sleep(100)
  }
}

/** Waits until the chart shows more than its ground and lines: rows come to it a moment after the first price. */
export const isPainted = (page: Page) =>
  page.waitForFunction(
    () =>
      [...document.querySelectorAll<HTMLCanvasElement>('#chart canvas')].some((canvas) => {
        const { width, height } = canvas
        if (width === 0 || height === 0) return false
        const pixels = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? []
        const colours = Array.from({ length: pixels.length / 4 }, (_, i) => pixels.slice(4 * i, 4 * i + 3).join())
        return new Set(colours).size > 20
      }),
    undefined,
    { timeout: LATE_MS, polling: 100 },
  )
