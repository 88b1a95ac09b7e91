import { createInterface } from 'node:readline/promises'

import { StockpipeError } from '../errors.ts'

/** Asks the person at the terminal. Throws `usage` where there is none and `--yes` was not given. */
export async function confirmed(question: string, isYes: boolean): Promise<boolean> {
  if (isYes) return true
  if (!process.stdin.isTTY)
    throw new StockpipeError('usage', 'this changes data, and nobody is there to be asked', {
      hint: 'add --yes, or --dry-run to see what would be done',
    })
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
