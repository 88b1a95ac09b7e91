import { StockpipeError, type ErrorCode } from '../errors.ts'

/** One thing that is wrong with how the program was called: what, and what is allowed instead. */
export interface Problem {
  what: string
  why?: string | undefined
}

/** One error for all of them, so that nobody has to fix them one run at a time. */
export function toError(problems: readonly Problem[], hint: string, code: ErrorCode = 'config'): StockpipeError {
  const [only] = problems
  if (problems.length === 1 && only) return new StockpipeError(code, only.what, { why: only.why, hint })
  const lines = problems.map(({ what, why }) => (why === undefined ? what : `${what}; ${why}`))
  return new StockpipeError(code, `${problems.length} things are wrong in the configuration`, {
    why: lines.join('\n       '),
    hint,
  })
}
