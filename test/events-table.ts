/** Writes the table of events into docs/logs.md: `bun test/events-table.ts`. */
import { join } from 'node:path'

import { EVENTS } from '../src/log-events.ts'

export const LOGS = join(import.meta.dir, '../docs/logs.md')

/** Padded as the formatter pads. */
function table(): string {
  const events = Object.entries(EVENTS).map(([name, { level, means }]) => [
    `\`${name}\``,
    [level].flat().join(', '),
    means,
  ])
  const rows = [['Event', 'Level', 'When'], ...events]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

/** Null without the marks. */
export function withEvents(page: string): string | null {
  const [before, rest] = page.split('<!-- events -->')
  const after = rest?.split('<!-- /events -->')[1]
  return after === undefined ? null : `${before}<!-- events -->\n\n${table()}\n\n<!-- /events -->${after}`
}

if (import.meta.main) {
  const renewed = withEvents(await Bun.file(LOGS).text())
  if (renewed === null) throw new Error('docs/logs.md has no <!-- events --> and <!-- /events -->')
  await Bun.write(LOGS, renewed)
}
