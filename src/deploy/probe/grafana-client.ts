import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import { interrupted } from '../interrupted.ts'

/** The plugin's driver looks only once a minute whether a node that was away is there again. */
const PATIENCE_MS = 90_000
const AGAIN_AFTER_MS = 1_000
const ANSWER_WITHIN_MS = 30_000
/** The same where patience is at its end. */
const LAST_ANSWER_WITHIN_MS = 5_000
/** What Grafana itself refuses; with anything else it may tell of what lies behind it. */
const LASTING = new Set([401, 403, 404])

export interface GrafanaAccess {
  /** Without a slash at its end. */
  url: string
  /** Where the login is from. */
  secret: string
  username: string
  password: string
  clock: Clock
  /** Ends it: what has no answer yet fails, and nothing is asked any more. */
  signal: AbortSignal
  /** What it may take all in all; each question is asked once also behind that. */
  timeoutMs: number
}

/**
 * Grafana's HTTP API, with patience for what lies behind it: a data source whose server began anew needs a while for its
 * connections. The patience begins with the client, and all its questions share it.
 */
export class GrafanaClient {
  readonly #access: GrafanaAccess
  /** By `clock.elapsed()`. */
  readonly #until: number

  constructor(access: GrafanaAccess) {
    this.#access = access
    this.#until = access.clock.elapsed() + Math.min(PATIENCE_MS, access.timeoutMs)
  }

  /** As long as what it throws is `retryable` and there is patience left. */
  async patiently<Result>(ask: () => Promise<Result>): Promise<Result> {
    const { clock, signal } = this.#access
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        const mayPass = error instanceof StockpipeError && error.retryable
        if (!mayPass || clock.elapsed() + AGAIN_AFTER_MS > this.#until) throw error
        await clock.sleep(AGAIN_AFTER_MS, signal)
      }
    }
  }

  /** JSON of a path; with a body it is posted. Throws `not-ready`. */
  async ask(path: string, body?: unknown): Promise<unknown> {
    const { url, username, password } = this.#access
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    const { status, text } = await this.#fetch(`${url}${path}`, {
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    if (status >= 400) throw this.#refused(path, status, text)
    try {
      return JSON.parse(text)
    } catch {
      throw new StockpipeError('not-ready', `what answers ${path} is not Grafana: ${text.slice(0, 100)}`)
    }
  }

  async #fetch(address: string, request: RequestInit): Promise<{ status: number; text: string }> {
    const { clock, signal, timeoutMs } = this.#access
    const least = Math.min(LAST_ANSWER_WITHIN_MS, timeoutMs)
    const withinMs = Math.min(ANSWER_WITHIN_MS, Math.max(this.#until - clock.elapsed(), least))
    try {
      const response = await fetch(address, {
        ...request,
        signal: AbortSignal.any([signal, AbortSignal.timeout(withinMs)]),
      })
      return { status: response.status, text: await response.text() }
    } catch (error) {
      const isLate = error instanceof Error && error.name === 'TimeoutError'
      const words = isLate ? `no answer within ${Math.ceil(withinMs / 1_000)} s` : String(error)
      if (signal.aborted) throw interrupted()
      throw new StockpipeError('not-ready', `Grafana: ${words}`, { retryable: true })
    }
  }

  #refused(path: string, status: number, text: string): StockpipeError {
    const hint =
      status === 401 ? `the Secret ${this.#access.secret} must hold the password that Grafana began with` : undefined
    const retryable = !LASTING.has(status)
    return new StockpipeError('not-ready', `Grafana answers ${path} with ${status}: ${text.slice(0, 300)}`, {
      hint,
      retryable,
    })
  }
}
