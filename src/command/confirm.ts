import { createInterface } from 'node:readline/promises'

import { StockpipeError } from '../errors.ts'

/** Asks the person at the terminal. Throws `usage` where there is none and `--yes` was not given. */
export async function confirmed(question: string, isYes: boolean): Promise<boolean> {
  if (isYes) return true
  if (!process.stdin.isTTY)
    throw new StockpipeError('usage', 'this changes data, and nobody is there to be asked', {
      hint: 'add --yes, or --dry-run to see what would be done',
    })
  return /^y(es)?$/i.test((await typed(`${question} [y/N] `)) ?? '')
}

/** What the person at the terminal answers; null after Ctrl-C or Ctrl-D. */
export async function typed(question: string): Promise<string | null> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await terminal.question(question)).trim()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error
    process.stderr.write('\n')
    return null
  } finally {
    terminal.close()
  }
}
