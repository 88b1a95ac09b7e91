import { type Interval, INTERVALS } from '../../trade.ts'
import { askToken } from './access.ts'
import { Client } from './client.ts'
import { Desk } from './desk.ts'
import { at, make } from './element.ts'
import { every } from './every.ts'
import { startExport } from './export.ts'
import { startStorage } from './storage.ts'
import { startTheme } from './theme.ts'
import { readView, type View, writeView } from './view.ts'

const STATUS_EVERY_MS = 2_000
/** Minutes may be missing: at the start history is still coming in, and a tab in the background sleeps. */
const THUMBNAILS_EVERY_MS = 15_000
/** A gap is no price: nobody waits for it by the second. */
const GAPS_EVERY_MS = 5_000

const client = new Client(askToken)
const choices = INTERVALS.map(makeChoice)
const desk = new Desk({ client, view: readView(location.hash), onView })

function makeChoice(interval: Interval): HTMLInputElement {
  const [label, input] = [make('label'), make('input', { className: 'hidden' })]
  input.type = 'radio'
  input.name = 'interval'
  input.value = interval
  input.addEventListener('change', () => desk.show({ ...desk.view, interval }))
  label.append(input, interval)
  at('intervals').append(label)
  return input
}

function onView(view: View): void {
  history.replaceState(null, '', writeView(view))
  for (const choice of choices) choice.checked = choice.value === view.interval
}

const link = at('export')
if (link instanceof HTMLAnchorElement) startExport(link, { client, view: () => desk.view, shown: () => desk.shown() })
startStorage({ client, view: () => desk.view })
startTheme(at('theme'), () => desk.repaint())
addEventListener('hashchange', () => desk.show(readView(location.hash)))
void every(STATUS_EVERY_MS, () => desk.refreshStatus())
void every(GAPS_EVERY_MS, async () => {
  if (!document.hidden) await desk.refreshGaps()
})
void every(THUMBNAILS_EVERY_MS, async () => {
  if (!document.hidden) await desk.refreshThumbnails()
})
