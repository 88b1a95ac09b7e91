import type { GapRow, TimeRange } from '../../trade.ts'
import { at, make, say } from './element.ts'
import { formatDuration, formatSpan } from './format.ts'
import { gapsIn } from './gaps.ts'

/** Nobody reads more. */
const MOST_LISTED = 50

/** Said where the record of a gap does not say more. */
const MEANINGS: Readonly<Record<string, string>> = {
  outage: 'no connection to the feed',
  stall: 'connected, but nothing came',
  eviction: 'another client took the connection',
  restart: 'stockpipe was not running',
  refused: 'the feed refused the symbol',
  overflow: 'more came than could be kept',
  retention: 'the log no longer held it',
}

/** `outage 2026-11-24 12:00:30 – 12:10:20, 9 min 50 s: socket closed`. */
export function describeGap({ cause, from_ts, to_ts, detail }: GapRow): string {
  const why = detail === '' ? (MEANINGS[cause] ?? '') : detail
  return `${cause} ${formatSpan(from_ts, to_ts)}, ${formatDuration(to_ts - from_ts)}${why === '' ? '' : `: ${why}`}`
}

/** How many gaps there are in what the chart shows; opened, each of them in words. */
export class GapList {
  readonly #count = at('gap-count')
  readonly #list = at('gap-list')
  #shown: readonly GapRow[] = []

  show(gaps: readonly GapRow[], inView: TimeRange | null): void {
    const shown = inView === null ? [] : gapsIn(gaps, inView)
    if (shown.length === this.#shown.length && shown.every((row, index) => row === this.#shown[index])) return
    this.#shown = shown
    at('gaps').hidden = shown.length === 0
    say(this.#count, `${shown.length.toLocaleString('en-US')} ${shown.length === 1 ? 'gap' : 'gaps'} in view`)
    const lines = shown.toReversed().slice(0, MOST_LISTED).map(describeGap)
    if (shown.length > MOST_LISTED) lines.push(`and ${(shown.length - MOST_LISTED).toLocaleString('en-US')} before`)
    this.#list.replaceChildren(...lines.map((text) => make('li', { text })))
  }

  /** For those who do not see the chart. */
  announce(gaps: readonly GapRow[]): void {
    const newest = gaps.at(-1)
    if (newest !== undefined) say(at('gap-news'), `New gap: ${describeGap(newest)}`)
  }
}
