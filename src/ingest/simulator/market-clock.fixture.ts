import type { Clock } from '../../clock.ts'
import { systemClock } from '../../clock.ts'

/**
 * 2026-11-25 00:59 UTC, when seed 1 is neither busy nor quiet. The market at the machine's own time may be ten times
 * as quiet as usual, so a test that counts its trades fails on some days.
 */
export const ORDINARY_MINUTE = 1_795_568_340_000

/** A clock that begins there and runs `speed` times as fast as the machine's. */
export function marketClock(speed = 1): Clock {
  const began = systemClock.now()
  return {
    now: () => ORDINARY_MINUTE + Math.floor((systemClock.now() - began) * speed),
    elapsed: () => systemClock.elapsed() * speed,
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  }
}
