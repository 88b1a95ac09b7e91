/** Tables that are printed into pages, between two marks. */

/** Padded as the formatter pads, so that formatting a page does not make it stale. The first row is the head. */
export function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** The page with `text` between `<!-- MARK -->` and `<!-- /MARK -->`; null when it has no such marks. */
export function withMarked(page: string, mark: string, text: string): string | null {
  const [before, rest] = page.split(`<!-- ${mark} -->`)
  const after = rest?.split(`<!-- /${mark} -->`)[1]
  return after === undefined ? null : `${before}<!-- ${mark} -->\n\n${text}\n\n<!-- /${mark} -->${after}`
}
