import type { Clock } from '../clock.ts'
import { createTerminal, type Terminal } from '../terminal.ts'

const REFRESH_MS = 200
/** Where lines stay: few of them. */
const LINE_MS = 10_000

export interface ProgressShown {
  records: number
  total: number
  doing: string
}

type Shown = Pick<Terminal, 'isTty' | 'status' | 'print'>

/** How far a command has come: in one line of the terminal, or where there is none in a line now and then. */
export interface ProgressLine extends Disposable {
  show: (progress: ProgressShown) => void
  /** Until it is shown again. */
  hide: () => void
}

export function progressLine(clock: Clock, terminal: Shown = createTerminal(process.stderr)): ProgressLine {
  const startedAt = clock.now()
  let shownAt = terminal.isTty ? Number.NEGATIVE_INFINITY : startedAt
  return {
    show(progress) {
      const now = clock.now()
      if (now - shownAt < (terminal.isTty ? REFRESH_MS : LINE_MS)) return
      shownAt = now
      const words = progressWords(progress, now - startedAt)
      if (terminal.isTty) terminal.status(words)
      else terminal.print(words)
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
