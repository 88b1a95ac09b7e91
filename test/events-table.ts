/** Writes the table of events into docs/logs.md: `bun test/events-table.ts`. */
import { join } from 'node:path'

import { markdownTable, withMarked } from '../src/config/markdown.ts'
import { EVENTS } from '../src/log-events.ts'

export const LOGS = join(import.meta.dir, '../docs/logs.md')

function table(): string {
  const events = Object.entries(EVENTS).map(([name, { level, means }]) => [
    `\`${name}\``,
    [level].flat().join(', '),
    means,
  ])
  return markdownTable([['Event', 'Level', 'When'], ...events])
}

/** Null without the marks. */
export const withEvents = (page: string): string | null => withMarked(page, 'events', table())

if (import.meta.main) {
  const renewed = withEvents(await Bun.file(LOGS).text())
  if (renewed === null) throw new Error('docs/logs.md has no <!-- events --> and <!-- /events -->')
  await Bun.write(LOGS, renewed)
}
