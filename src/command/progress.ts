import type { Clock } from '../clock.ts'
import { createTerminal } from '../terminal.ts'

const REFRESH_MS = 200

export interface ProgressShown {
  records: number
  total: number
  doing: string
}

/** How far a command has come, in one line of the terminal; nothing where there is none. */
export interface ProgressLine extends Disposable {
  show: (progress: ProgressShown) => void
  /** Until it is shown again. */
  hide: () => void
}

export function progressLine(clock: Clock): ProgressLine {
  const terminal = createTerminal(process.stderr)
  const startedAt = clock.now()
  let shownAt = Number.NEGATIVE_INFINITY
  return {
    show(progress) {
      const now = clock.now()
      if (!terminal.isTty || now - shownAt < REFRESH_MS) return
      shownAt = now
      terminal.status(progressWords(progress, now - startedAt))
    },
    hide: () => terminal.status(''),
    [Symbol.dispose]: () => terminal.status(''),
  }
}

/** `elapsed`: ms since the beginning. */
export function progressWords({ records, total, doing }: ProgressShown, elapsed: number): string {
  const count = (value: number) => Math.round(value).toLocaleString('en')
  const perSecond = elapsed > 0 ? (records / elapsed) * 1000 : 0
  const parts = [`${count(records)} records`, `${count(perSecond)} records/s`]
  if (total > 0) {
    parts.unshift(`${Math.floor((records / total) * 100)} %`)
    if (perSecond > 0 && records < total) parts.push(`${count((total - records) / perSecond)} s left`)
  }
  return [...parts, doing].join(' · ')
}
