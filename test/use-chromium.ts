import { afterAll, beforeAll } from 'bun:test'

import type { Browser } from 'playwright-core'

import { findChromium, startChromium } from './chromium.ts'

const STARTED_WITHIN_MS = 30_000

/** The browser of a test file that calls it at its top, from its first test to its last. Without Chromium none starts. */
export function useChromium(): () => Browser {
  const executable = findChromium()
  let browser: Browser | undefined
  beforeAll(async () => {
    if (executable !== null) browser = await startChromium(executable)
  }, STARTED_WITHIN_MS)
  afterAll(() => browser?.close())
  return () => {
    if (browser === undefined) throw new Error('no test may ask for a browser where there is no Chromium')
    return browser
  }
}
