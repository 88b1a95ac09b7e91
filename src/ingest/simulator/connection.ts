import type { Clock } from '../../clock.ts'
import type { Entry } from '../../trade.ts'
import type { Log } from '../../telemetry.ts'
import { Deliveries } from './deliveries.ts'
import { garbage } from './garbage.ts'
import { history, Market, MOST_BEHIND_MS } from './market.ts'
import type { SimulatorOptions } from './options.ts'
import { Random } from './random.ts'
import type { ServerSocket } from './server-socket.ts'
import type { Truth } from './truth.ts'

const STEP_MS = 25
const HISTORY_CHUNK = 200
/** No frame of the past spans more: of symbols that share a partition one would move the watermark past the other. */
const HISTORY_SPAN_MS = 1_000
/** Unread history beyond this waits for the client. */
const HISTORY_AHEAD_BYTES = 1_000_000
const HISTORY_PATIENCE_MS = 10_000
const SYMBOL = /^[\w.^=-][\w .:^=/-]{0,39}$/
/** A client that was told to go has this long to do so. */
const GOODBYE_MS = 1_000
const PING = '{"type":"ping"}'

export interface ConnectionContext {
  options: SimulatorOptions
  clock: Clock
  log: Log
  truth: Truth
  conn: number
  /** The client's `since`, or null. */
  since: number | null
}

/** One client: what it subscribed, and everything that goes wrong with it on purpose. */
export class Connection {
  readonly #context: ConnectionContext
  readonly #socket: ServerSocket
  readonly #market: Market
  readonly #deliveries: Deliveries
  readonly #random: Random
  readonly #openedAt: number
  #steppedAt: number
  readonly #subscribed = new Set<string>()
  #joining: { symbols: Set<string>; at: number } | null = null

  constructor(socket: ServerSocket, context: ConnectionContext) {
    this.#socket = socket
    this.#context = context
    this.#openedAt = this.#steppedAt = context.clock.now()
    this.#market = new Market(context.options)
    this.#deliveries = new Deliveries(context.options.repeats, context.options.seed + context.conn)
    this.#random = new Random(context.options.seed + context.conn)
  }

  /** What the client said. */
  receive(text: string): void {
    const { type, symbol } = parseRequest(text)
    if (type === 'unsubscribe') this.#unsubscribe(symbol)
    else if (type === 'subscribe') this.#subscribe(symbol)
  }

  /** Sends until the socket closes or `signal` aborts. */
  async serve(signal: AbortSignal): Promise<void> {
    const { clock, options } = this.#context
    let pings = Math.floor(this.#now() / options.pingEveryMs)
    while (!signal.aborted && !this.#socket.closed) {
      if (this.#joining && clock.now() >= this.#joining.at) await this.#join([...this.#joining.symbols], signal)
      this.#step()
      const due = Math.floor(this.#now() / options.pingEveryMs)
      if (due > pings) this.#send(PING)
      pings = due
      await clock.sleep(STEP_MS, signal)
    }
    if (!signal.aborted) await clock.sleep(GOODBYE_MS, this.#socket.gone)
    this.#socket.destroy()
  }

  #now(): number {
    return this.#context.clock.now() + this.#context.options.clockOffsetMs
  }

  #subscribe(symbol: string): void {
    if (!SYMBOL.test(symbol)) return this.#error(`Invalid symbol ${symbol.slice(0, 40)}`.trim())
    if (this.#subscribed.has(symbol)) return
    if (this.#subscribed.size >= this.#context.options.limit) return this.#error('Subscribing to too many symbols')
    this.#subscribed.add(symbol)
    if (this.#context.options.history === 0) return this.#market.follow(symbol, this.#now())
    this.#joining ??= { symbols: new Set(), at: this.#context.clock.now() + this.#context.options.joinMs }
    this.#joining.symbols.add(symbol)
  }

  #unsubscribe(symbol: string): void {
    this.#subscribed.delete(symbol)
    this.#joining?.symbols.delete(symbol)
    this.#market.unfollow(symbol)
  }

  #error(msg: string): void {
    this.#send(JSON.stringify({ msg, type: 'error' }))
  }

  /** The past up to a moment, and from that very moment on the present. */
  async #join(symbols: readonly string[], signal: AbortSignal): Promise<void> {
    this.#joining = null
    const to = this.#now()
    const from = Math.max(to - this.#context.options.history, this.#context.since ?? 0)
    let unpaused = 0
    for (const entries of inFrames(history(symbols, { from, to }, this.#context.options))) {
      this.#sendTrades(entries)
      unpaused += entries.length
      if (unpaused < HISTORY_CHUNK) continue
      unpaused = 0
      await this.#room(signal)
      if (this.#socket.closed || signal.aborted) return
    }
    for (const symbol of symbols) if (this.#subscribed.has(symbol)) this.#market.follow(symbol, to)
  }

  /** Lets others run, and waits while the client is behind. */
  async #room(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    const patience = clock.elapsed() + HISTORY_PATIENCE_MS
    do {
      await clock.sleep(0, signal)
      if (this.#socket.unread <= HISTORY_AHEAD_BYTES) return
      if (clock.elapsed() > patience) this.#dropSlow()
    } while (!this.#socket.closed && !signal.aborted)
  }

  #step(): void {
    const { options, clock } = this.#context
    const slept = clock.now() - this.#steppedAt
    this.#steppedAt += slept
    // On a new connection the client gets what the market here would leave out.
    if (slept > MOST_BEHIND_MS && options.history > 0) return this.#socket.close(1001, 'the machine slept')
    const groups = this.#market.due(this.#now())
    const age = clock.now() - this.#openedAt
    if (options.closeEveryMs !== null && age >= options.closeEveryMs) return this.#hangUp()
    if (options.stall && age >= options.stall.afterMs && age < options.stall.afterMs + options.stall.forMs) return
    if (groups.length === 0) this.#sendTrades([])
    for (const entries of groups) this.#sendTrades(entries)
    if (this.#socket.unread > options.clientBufferBytes) this.#dropSlow()
  }

  #sendTrades(entries: Parameters<Deliveries['pack']>[0]): void {
    for (const { text, repeats } of this.#deliveries.pack(entries)) {
      this.#send(text, repeats)
      if (this.#random.chance(this.#context.options.garbageShare)) this.#send(garbage(this.#random))
    }
  }

  #send(text: string, repeats: readonly number[] = []): void {
    if (this.#socket.closed) return
    const { truth, conn, clock } = this.#context
    truth.sent({ received: clock.now(), conn, frame: text, repeats })
    this.#socket.sendText(text)
  }

  #hangUp(): void {
    if (this.#context.options.midFrameClose) this.#socket.sendHalf('{"data":[{"c":null,"p":1.5,"s":"BINANCE:BTCUSDT"')
    else this.#socket.close(1001, 'server restarts')
  }

  #dropSlow(): void {
    this.#context.log.warn('simulator.client.slow', { conn: this.#context.conn, unread: this.#socket.unread })
    this.#socket.close(1008, 'client reads too slowly')
  }
}

/** As many entries as one frame of the past holds, again and again. They come in order of time. */
function* inFrames(past: Iterable<Entry>): Generator<Entry[]> {
  let frame: Entry[] = []
  for (const entry of past) {
    const isFull = frame.length >= HISTORY_CHUNK || entry.t - (frame[0]?.t ?? entry.t) >= HISTORY_SPAN_MS
    if (isFull) {
      yield frame
      frame = []
    }
    frame.push(entry)
  }
  if (frame.length > 0) yield frame
}

/** Anything that is no request is ignored, as Finnhub does. */
function parseRequest(text: string): { type: string; symbol: string } {
  try {
    const request: unknown = JSON.parse(text)
    if (typeof request !== 'object' || request === null) return { type: '', symbol: '' }
    const type = 'type' in request && typeof request.type === 'string' ? request.type : ''
    const symbol = 'symbol' in request && typeof request.symbol === 'string' ? request.symbol : ''
    return { type, symbol }
  } catch {
    return { type: '', symbol: '' }
  }
}
