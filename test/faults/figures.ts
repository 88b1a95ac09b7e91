import { appendFileSync, readFileSync } from 'node:fs'

/** One line of the table at the end of a run. */
export interface Figure {
  scenario: string
  what: string
  value: string
}

/** Where test files leave their figures, for they run in processes of their own. */
export const FIGURES_VARIABLE = 'FAULT_FIGURES'

/** For the table; printed at once, too, in a run of one's own. */
export function note(scenario: string, what: string, value: string): void {
  const path = process.env[FIGURES_VARIABLE]
  if (path === undefined) return
  appendFileSync(path, `${JSON.stringify({ scenario, what, value } satisfies Figure)}\n`)
  console.log(`   ${scenario}: ${what}: ${value}`)
}

export const readFigures = (path: string): Figure[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Figure)

export function tableOf(figures: readonly Figure[]): string {
  const width = (pick: (figure: Figure) => string) => Math.max(0, ...figures.map((figure) => pick(figure).length))
  const [first, second] = [width(({ scenario }) => scenario), width(({ what }) => what)]
  return figures
    .map(({ scenario, what, value }) => `${scenario.padEnd(first)}  ${what.padEnd(second)}  ${value}`)
    .join('\n')
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`
