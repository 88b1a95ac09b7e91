import type { StockpipeError } from '../errors.ts'
import type { Component } from '../log-events.ts'
import type { Context } from '../telemetry.ts'

/**
 * What one waiter suffers from: on /readyz as long as it lasts, in the log once, however many others wait for the same
 * to pass, and whatever else turns up meanwhile.
 */
export class Trouble implements Disposable {
  readonly #component: Component
  readonly #context: Pick<Context, 'log' | 'health'>

  constructor(component: Component, context: Pick<Context, 'log' | 'health'>) {
    this.#component = component
    this.#context = context
  }

  /** What was never asked before is not ready until it answers. */
  begins(): void {
    const { health } = this.#context
    if (!health.knows(this.#component)) health.notReady(this.#component, 'no answer yet', this)
  }

  failed(error: StockpipeError, { isNews = true } = {}): void {
    const { log, health } = this.#context
    health.notReady(this.#component, reasonOf(error), this)
    if (!isNews || !health.blame(causeOf(error), this.#component, this)) return
    log[error.retryable ? 'warn' : 'error'](`${this.#component}.retrying`, {
      error,
      why: error.why ?? error.cause,
      try: error.hint,
      note: 'tried again until it works; nothing is skipped',
    })
  }

  /** It works (again). */
  over(): void {
    for (const component of this.#end()) this.#context.log.info(`${component}.recovered`)
  }

  /** Nobody waits any more, whether it works or not. */
  [Symbol.dispose](): void {
    this.#end()
  }

  #end(): Set<Component> {
    const { health } = this.#context
    health.ready(this.#component, this)
    return health.forgive(this) as Set<Component>
  }
}

/** Errors with the same cure have the same cause; the rest of the words tells who met it. */
const causeOf = ({ code, hint, message }: StockpipeError): string => `${code} ${hint ?? message}`

const reasonOf = ({ message, why }: StockpipeError): string =>
  why === undefined || message.includes(why) ? message : `${message} (${why})`
