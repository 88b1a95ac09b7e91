import type { IncomingMessage } from 'node:http'

import { WebSocket } from 'ws'
import type { ClientOptions, RawData } from 'ws'

import type { Clock } from '../../clock.ts'
import type { Ending, Lost } from './finnhub-retry.ts'
import type { Death } from './silence.ts'
import { retryAfterMs } from './finnhub-retry.ts'

export interface ConnectionOptions {
  /** With the token in it: never to be printed. */
  url: string
  symbols: readonly string[]
  proxy: string | undefined
  handshakeMs: number
  /** A websocket ping goes out this often; one without any answer until the next ends the connection. */
  pingEveryMs: number
  /** No frame for this long, not even the server's own ping frame, ends it too. */
  stallAfterMs: number
  /** Why what comes, though there are frames, is too little to be a market; null: it is not. Asked every second. */
  dead: (now: number) => Death | null
}

export interface ConnectionEvents {
  opened(at: number, skew: number | null): void
  frame(text: string, received: number): void
}

const MOST_FRAME_BYTES = 64 * 1024 * 1024
const LOOK_EVERY_MS = 1_000
const GOODBYE_MS = 1_000

/** One connection from handshake to end. Resolves to how it ended, when nothing of it is left; it never rejects. */
export function runConnection(
  options: ConnectionOptions,
  around: { clock: Clock; events: ConnectionEvents },
  signal: AbortSignal,
): Promise<Ending> {
  if (signal.aborted) return Promise.resolve({ kind: 'stopped' })
  return new FinnhubConnection(options, around.clock, around.events).run(signal)
}

class FinnhubConnection {
  readonly #options: ConnectionOptions
  readonly #clock: Clock
  readonly #events: ConnectionEvents
  readonly #socket: WebSocket
  /** Aborts when the socket is closed. */
  readonly #closed = new AbortController()
  #sleeping = new AbortController()
  #ending: Ending | null = null
  #skew: number | null = null
  #openedAt: number | null = null
  #lastFrame = 0
  #lastHeard = 0

  constructor(options: ConnectionOptions, clock: Clock, events: ConnectionEvents) {
    this.#options = options
    this.#clock = clock
    this.#events = events
    const settings: ClientOptions & { proxy?: string } = { perMessageDeflate: false, maxPayload: MOST_FRAME_BYTES }
    if (options.proxy !== undefined) settings.proxy = options.proxy
    this.#socket = new WebSocket(options.url, settings)
    this.#listen()
  }

  async run(signal: AbortSignal): Promise<Ending> {
    const stop = () => this.#end({ kind: 'stopped' })
    signal.addEventListener('abort', stop, { once: true })
    await this.#watch()
    signal.removeEventListener('abort', stop)
    return this.#ending ?? { kind: 'stopped' }
  }

  #listen(): void {
    const socket = this.#socket
    socket.on('upgrade', (response) => (this.#skew = skewOf(response, this.#clock.now())))
    socket.on('unexpected-response', (_request, response) => this.#refused(response))
    socket.on('open', () => this.#opened())
    socket.on('message', (data) => this.#received(textOf(data)))
    socket.on('pong', () => (this.#lastHeard = this.#clock.now()))
    socket.on('error', (error) => {
      if (this.#openedAt === null) this.#end({ kind: 'failed', why: error.message })
    })
    socket.on('close', (code, reason) => {
      this.#end(this.#openedAt === null ? unanswered : this.#lost('closed', closeWords(code, String(reason))))
      this.#closed.abort()
    })
  }

  #opened(): void {
    const now = this.#clock.now()
    this.#openedAt = now
    this.#lastFrame = now
    this.#lastHeard = now
    this.#sleeping.abort()
    if (this.#ending) return
    this.#events.opened(now, this.#skew)
    for (const symbol of this.#options.symbols) this.#socket.send(JSON.stringify({ type: 'subscribe', symbol }))
  }

  #received(text: string): void {
    if (this.#ending) return
    const now = this.#clock.now()
    this.#lastFrame = now
    this.#lastHeard = now
    this.#events.frame(text, now)
  }

  #refused(response: IncomingMessage): void {
    const wait = retryAfterMs(response.headers['retry-after'], this.#clock.now())
    this.#end({ kind: 'refused', status: response.statusCode ?? 0, retryAfterMs: wait })
  }

  #lost(reason: 'closed' | 'stall' | 'ping-timeout', why: string): Lost {
    return { kind: 'lost', reason, why, lastedMs: this.#clock.now() - (this.#openedAt ?? this.#clock.now()) }
  }

  /** The first ending counts. One that stops on our wish says goodbye; any other has nobody to say it to. */
  #end(ending: Ending): void {
    if (this.#ending) return
    this.#ending = ending
    this.#sleeping.abort()
    if (ending.kind === 'stopped' && this.#openedAt !== null) this.#socket.close(1000)
    else this.#socket.terminate()
  }

  async #watch(): Promise<void> {
    if (this.#openedAt === null) await this.#sleep(this.#options.handshakeMs)
    if (this.#openedAt === null) this.#end({ kind: 'failed', why: 'the handshake got no answer' })
    else await this.#watchOpen()
    if (!this.#closed.signal.aborted) await this.#clock.sleep(GOODBYE_MS, this.#closed.signal)
    this.#socket.terminate()
  }

  async #watchOpen(): Promise<void> {
    const { pingEveryMs, stallAfterMs, dead: judge } = this.#options
    let pinged = this.#lastHeard
    while (!this.#ending) {
      const now = this.#clock.now()
      if (now >= this.#lastFrame + stallAfterMs)
        return this.#end(this.#lost('stall', `no frame for ${stallAfterMs} ms`))
      const dead = judge(now)
      if (dead !== null) return this.#end({ ...this.#lost('stall', dead.why), since: dead.since })
      if (now >= pinged + pingEveryMs) {
        if (this.#lastHeard < pinged) return this.#end(this.#lost('ping-timeout', `no answer for ${pingEveryMs} ms`))
        this.#socket.ping()
        pinged = now
      }
      await this.#sleep(Math.min(this.#lastFrame + stallAfterMs - now, pinged + pingEveryMs - now, LOOK_EVERY_MS))
    }
  }

  /** Until then, or until the connection opened or ended. */
  async #sleep(ms: number): Promise<void> {
    this.#sleeping = new AbortController()
    await this.#clock.sleep(ms, this.#sleeping.signal)
  }
}

const textOf = (data: RawData): string =>
  Array.isArray(data)
    ? Buffer.concat(data).toString()
    : Buffer.isBuffer(data)
      ? data.toString()
      : Buffer.from(data).toString()

const unanswered: Ending = { kind: 'failed', why: 'the connection closed before the handshake was done' }

const closeWords = (code: number, reason: string): string => `closed with code ${code}${reason ? ` (${reason})` : ''}`

/** Server clock minus ours. The header has whole seconds, so a second or less says nothing. */
function skewOf(response: IncomingMessage, now: number): number | null {
  const date = Date.parse(response.headers.date ?? '')
  if (Number.isNaN(date)) return null
  const skew = Math.round((date + 500 - now) / 1000) * 1000
  return Math.abs(skew) > 1000 ? skew : 0
}
