/** Time as a parameter: the only file that may ask the machine for it. */
export interface Clock {
  /** Unix time in ms. */
  now(): number
  /** For durations: ms since some moment. Nobody can set it forward or back. */
  elapsed(): number
  /** Resolves after `ms`, or at once when `signal` aborts; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done, { once: true })
    }),
}

export interface ManualClock extends Clock {
  /** As a person or NTP sets a clock: no time passes. */
  set(now: number): void
  /** Moves time on, waking every sleeper whose time has come, in order. */
  advance(ms: number): void
}

/** A clock that stands still until it is moved by hand. */
export function manualClock(start = 0): ManualClock {
  let now = start
  let elapsed = 0
  let sleepers: { at: number; wake: () => void }[] = []
  return {
    now: () => now,
    elapsed: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted || ms <= 0) return resolve()
        const sleeper = { at: elapsed + ms, wake: resolve }
        sleepers.push(sleeper)
        signal?.addEventListener(
          'abort',
          () => {
            sleepers = sleepers.filter((other) => other !== sleeper)
            resolve()
          },
          { once: true },
        )
      }),
    set(to) {
      now = to
    },
    advance(ms) {
      now += ms
      elapsed += ms
      const due = sleepers.filter((sleeper) => sleeper.at <= elapsed).sort((a, b) => a.at - b.at)
      sleepers = sleepers.filter((sleeper) => sleeper.at > elapsed)
      for (const sleeper of due) sleeper.wake()
    },
  }
}

/** A clock that stands still except in a sleep, which takes no time though time goes on by it. */
export function hurriedClock(start = 0): ManualClock {
  const clock = manualClock(start)
  return { ...clock, sleep: async (ms) => clock.advance(ms) }
}
