import { expect, test } from 'bun:test'

import { RetryPolicy, retryAfterMs } from './finnhub-retry.ts'
import type { Ending } from './finnhub-retry.ts'

const lost = (lastedMs: number, reason: 'closed' | 'stall' = 'closed') =>
  ({ kind: 'lost', reason, why: 'closed with code 1006', lastedMs }) satisfies Ending
const refused = (status: number, retryAfterMs: number | null = null) =>
  ({ kind: 'refused', status, retryAfterMs }) satisfies Ending
const failed = { kind: 'failed', why: 'no route' } satisfies Ending

const policy = (random = 1) => new RetryPolicy(() => random)

test('the pause doubles from 500 ms to 30 s, with full jitter', () => {
  const longest = policy()
  const delays = Array.from({ length: 9 }, () => longest.after(failed).delayMs)
  expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  const half = policy(0.5)
  half.after(failed)
  expect(half.after(failed).delayMs).toBe(500)
  expect(policy(0).after(failed).delayMs).toBe(0)
})

test('only a connection that held a minute starts the backoff anew', () => {
  const retry = policy()
  retry.after(failed)
  retry.after(failed)
  expect(retry.after(lost(59_999)).delayMs).toBe(2_000)
  expect(retry.after(lost(60_000)).delayMs).toBe(500)
})

test('a refused token is tried again once a minute at most, and said to be refused', () => {
  for (const status of [401, 403]) {
    const { delayMs, reason, words } = policy(0).after(refused(status))
    expect(delayMs).toBeGreaterThanOrEqual(60_000)
    expect([reason, words]).toEqual(['refused', `Finnhub refused the token (HTTP ${status})`])
  }
})

test('a busy server decides how long to wait, a broken one does not', () => {
  expect(policy().after(refused(429, 7_000))).toMatchObject({ delayMs: 7_000, reason: 'busy' })
  expect(policy().after(refused(429, 0))).toMatchObject({ delayMs: 500, reason: 'busy' })
  expect(policy().after(refused(524))).toMatchObject({ delayMs: 500, reason: 'server' })
})

test('three connections ended at once in a row are an eviction, and the wait grows', () => {
  const retry = policy()
  expect(retry.after(lost(600_000)).reason).toBe('closed')
  expect([retry.after(lost(300)), retry.after(lost(1_999))].map(({ reason }) => reason)).toEqual(['closed', 'closed'])
  const evictions = [retry.after(lost(300)), retry.after(lost(300))]
  expect(evictions.map(({ reason, delayMs }) => [reason, delayMs])).toEqual([
    ['evicted', 60_000],
    ['evicted', 120_000],
  ])
  expect(evictions[0]?.words).toContain('another client probably uses this key')
  expect(retry.after(lost(5_000)).reason).toBe('closed')
  expect(retry.after(lost(300)).reason).toBe('closed')
})

test('a rival who comes back slowly is suspected from the fifth closing on, until a connection holds', () => {
  const retry = policy()
  const suspects = (lastedMs: number) => retry.after(lost(lastedMs)).words.includes('perhaps another client')
  expect([5_000, 5_000, 5_000, 5_000, 5_000, 30_000].map(suspects)).toEqual([false, false, false, false, true, true])
  expect([60_000, 5_000].map(suspects)).toEqual([false, false])
})

test('Retry-After is seconds or a date, never more than an hour', () => {
  const now = Date.UTC(2026, 10, 24)
  expect(retryAfterMs('12', now)).toBe(12_000)
  expect(retryAfterMs('Tue, 24 Nov 2026 00:00:30 GMT', now)).toBe(30_000)
  expect(retryAfterMs('Mon, 23 Nov 2026 00:00:30 GMT', now)).toBe(0)
  expect(retryAfterMs('999999999', now)).toBe(3_600_000)
  for (const header of [undefined, '', 'soon']) expect(retryAfterMs(header, now)).toBeNull()
})
