/**
 * The closed list of things that go wrong, each with its exit code and HTTP status.
 * `retryable` is decided where the error is thrown, for only that place knows.
 */
const CODES = {
  usage: { exit: 2, status: 400 },
  config: { exit: 2, status: 400 },
  invalid: { exit: 2, status: 400 },
  'not-found': { exit: 1, status: 404 },
  'data-dir': { exit: 2, status: 500 },
  'in-use': { exit: 2, status: 500 },
  origin: { exit: 2, status: 500 },
  'topic-mismatch': { exit: 2, status: 500 },
  'topic-missing': { exit: 1, status: 503 },
  'log-changed': { exit: 1, status: 503 },
  'store-restarted': { exit: 1, status: 503 },
  'too-many-bad': { exit: 1, status: 503 },
  stalled: { exit: 1, status: 503 },
  'not-owner': { exit: 1, status: 503 },
  'too-large': { exit: 1, status: 503 },
  schema: { exit: 1, status: 503 },
  'schema-newer': { exit: 2, status: 503 },
  'port-in-use': { exit: 2, status: 500 },
  'replay-file': { exit: 2, status: 500 },
  decode: { exit: 1, status: 500 },
  auth: { exit: 1, status: 503 },
  unreachable: { exit: 1, status: 503 },
  'disk-full': { exit: 1, status: 503 },
  corrupt: { exit: 1, status: 500 },
  'not-ready': { exit: 1, status: 503 },
  forbidden: { exit: 1, status: 403 },
  conflict: { exit: 1, status: 409 },
  immutable: { exit: 1, status: 422 },
  quota: { exit: 1, status: 403 },
  refused: { exit: 1, status: 422 },
  'missing-kind': { exit: 1, status: 404 },
  internal: { exit: 1, status: 500 },
} as const

export type ErrorCode = keyof typeof CODES

export interface ErrorDetails {
  /** Why it happened, one sentence. */
  why?: string | undefined
  /** What the user can do, one sentence. */
  hint?: string | undefined
  /** True when the same call may succeed later without anyone changing anything. */
  retryable?: boolean
  /** True when somebody can cure it from outside while we wait: a wrong password, a missing permission, a full quota. */
  mendable?: boolean
  cause?: unknown
}

/** The only error class that stockpipe throws on purpose. */
export class StockpipeError extends Error {
  readonly code: ErrorCode
  readonly why: string | undefined
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly mendable: boolean

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause })
    this.name = 'StockpipeError'
    this.code = code
    this.why = details.why
    this.hint = details.hint
    this.retryable = details.retryable ?? false
    this.mendable = details.mendable ?? false
  }
}

export const toExitCode = (error: unknown): number => (error instanceof StockpipeError ? CODES[error.code].exit : 1)

export const toStatus = (error: unknown): number => (error instanceof StockpipeError ? CODES[error.code].status : 500)

/** The one place that puts an error into words for a terminal: what, why, what to do. */
export function toWords(error: unknown): string {
  if (error instanceof StockpipeError) {
    const why = error.why ?? (error.cause instanceof Error ? error.cause.message : undefined)
    return [`error: ${error.message}`, why && `  why: ${why}`, error.hint && `  try: ${error.hint}`]
      .filter(Boolean)
      .join('\n')
  }
  const message = error instanceof Error ? error.message : String(error)
  return `error: ${message}\n  why: this was not foreseen; it is a bug in stockpipe\n  try: run again with --log-level debug and report what it prints`
}

/** The error itself when it is ours, else wrapped under `code`, the cause kept. */
export function wrap(code: ErrorCode, message: string, cause: unknown): StockpipeError {
  if (cause instanceof StockpipeError) return cause
  return new StockpipeError(code, message, { cause })
}
