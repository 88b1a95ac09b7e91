import { StockpipeError } from './errors.ts'

/** What one check of `stockpipe doctor` or `stockpipe deploy check` found. */
export interface Finding {
  check: string
  state: 'ok' | 'warn' | 'fail'
  detail: string
  /** What to do about it. */
  fix?: string
}

export const ok = (check: string, detail: string): Finding => ({ check, state: 'ok', detail })
export const warn = (check: string, detail: string, fix: string): Finding => ({ check, state: 'warn', detail, fix })
export const fail = (check: string, detail: string, fix: string): Finding => ({ check, state: 'fail', detail, fix })

export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What a check threw. */
export function failed(check: string, error: unknown): Finding {
  const { why, hint } = error instanceof StockpipeError ? error : {}
  const words = reason(error)
  const isTold = why === undefined || words.includes(why)
  return fail(
    check,
    isTold ? words : `${words}: ${why}`,
    hint ?? 'check that the server runs, and that its address is right',
  )
}
