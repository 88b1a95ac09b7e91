/** How a rollout looks: a table that is rewritten on a terminal, lines of what changed elsewhere, or JSON. */
import type { Terminal } from '../../terminal.ts'
import { reasonOf, type RolloutRow } from './rollout.ts'

const WORDS = { ready: 'ok', waiting: 'wait', failed: 'fail' } as const

/** One line a workload, columns as wide as their widest. */
export function tableLines(rows: readonly RolloutRow[], elapsedMs: number): string[] {
  const widest = (cell: (row: RolloutRow) => string) => Math.max(0, ...rows.map((row) => cell(row).length))
  const [name, count] = [widest((row) => row.name), widest((row) => row.count)]
  const line = (row: RolloutRow) =>
    `${WORDS[row.state].padEnd(4)}  ${row.name.padEnd(name)}  ${row.count.padEnd(count)}  ${reasonOf(row)}`.trimEnd()
  const left = rows.filter(({ state }) => state !== 'ready').length
  const sum = left === 0 ? 'all ready' : `${rows.length - left} of ${rows.length} ready`
  return [...rows.map(line), `${sum}, ${Math.floor(elapsedMs / 1_000)} s`]
}

/** A terminal cuts lines at its edge: what a container said has a line of its own. */
function drawnLines(rows: readonly RolloutRow[], elapsedMs: number): string[] {
  const silent = rows.map((row) => ({ ...row, lastWords: '' }))
  return tableLines(silent, elapsedMs).flatMap((line, index) => {
    const words = rows[index]?.lastWords
    return words ? [line, `${' '.repeat(6)}it said: ${words}`] : [line]
  })
}

/** `elapsed`: ms since the rollout began. On a tty the table stands still at the end; elsewhere each change is a line. */
export function showRollout(terminal: Terminal, elapsed: () => number): (rows: readonly RolloutRow[]) => void {
  const told = new Map<string, string>()
  return (rows) => {
    if (rows.length === 0) return
    if (terminal.isTty) {
      const drawn = drawnLines(rows, elapsed()).join('\n')
      if (rows.some(({ state }) => state !== 'ready')) return terminal.status(drawn)
      terminal.status('')
      return terminal.print(drawn)
    }
    const lines = tableLines(rows, elapsed())
    for (const [index, row] of rows.entries()) {
      const key = `${row.state} ${row.trouble?.name ?? row.why}`
      if (told.get(row.name) === key) continue
      told.set(row.name, key)
      terminal.print(lines[index] ?? '')
    }
  }
}
