import { StockpipeError } from '../../errors.ts'
import { secretsOfUrl } from '../../config/secret-values.ts'
import { Secrets } from '../../secrets.ts'
import type { Context } from '../../telemetry.ts'
import { Silence, type SilenceLimits } from './silence.ts'
import type { Feed, FeedEvent, Frame, GapCause } from '../feed.ts'
import { runConnection } from './finnhub-connection.ts'
import type { ConnectionEvents } from './finnhub-connection.ts'
import { FeedQueue } from './finnhub-queue.ts'
import type { QueueLimit } from './finnhub-queue.ts'
import { RetryPolicy } from './finnhub-retry.ts'
import type { Resume } from './resume.ts'
import type { Ending, LossReason, RetryTiming } from './finnhub-retry.ts'

export interface FinnhubFeedOptions {
  /** `wss://ws.finnhub.io`, or a simulator's. */
  url: string
  /** Goes into the query of the handshake and nowhere else. Null: none, as a simulator allows. */
  token: string | null
  symbols: readonly string[]
  /** At most 12 characters, another one for each process. */
  session: string
  /** How much may wait for a reader. */
  queueLimit?: Partial<QueueLimit>
  /** See `proxyFor`. */
  proxy?: string
  /** Of a simulator, which sends the past again: each connection goes on where this is. */
  resume?: Resume
  pingEveryMs?: number
  stallAfterMs?: number
  handshakeMs?: number
  silence?: Partial<SilenceLimits>
  retry?: Partial<RetryTiming>
  /** In `[0, 1)`, for the jitter. */
  random?: () => number
}

const TICK_MS = 200
const QUEUE_LIMIT: QueueLimit = { frames: 100_000, characters: 64_000_000 }
const TOO_MANY = /"Subscribing to too many symbols"/
/** Refusals come one by one; so long after the last of them it is known which symbols they mean. */
const REFUSED_MS = 1_000

/**
 * Trades from Finnhub's websocket as they come. Every ending leads to another connection, the pauses between them
 * grow as `RetryPolicy` says; a refused token is tried again slowly, for it may be renewed. The token is in no log,
 * error or reason. Throws `config` for an address, of the feed or the proxy, that is none.
 */
export function openFinnhubFeed(options: FinnhubFeedOptions, context: Context): Feed {
  return new FinnhubFeed(options, context)
}

/** A made-up key for a simulator may be a word of every frame; Finnhub's have 20 characters and more. */
const LEAST_IN_FRAMES = 16

class FinnhubFeed implements Feed {
  readonly watched
  readonly #options: FinnhubFeedOptions
  readonly #context: Context
  readonly #address: URL
  readonly #retry: RetryPolicy
  readonly #queue: FeedQueue
  readonly #silence: Silence
  readonly #secrets: Secrets
  readonly #inFrames: Secrets
  #conn = 0
  #isOpen = false
  #seq = 0
  #acknowledged: { seq: number; received: number | null } = { seq: -1, received: null }
  #tickedAt = Number.NEGATIVE_INFINITY
  #refusals = { count: 0, told: 0, at: 0 }

  constructor(options: FinnhubFeedOptions, context: Context) {
    this.#options = options
    this.#context = context
    this.watched = { symbols: options.symbols, isSentAgain: options.resume !== undefined }
    this.#address = parseAddress(options.url)
    if (options.proxy !== undefined) checkProxy(options.proxy)
    const { token } = options
    this.#secrets = new Secrets(token, ...secretsOfUrl(options.proxy))
    this.#inFrames = new Secrets((token ?? '').length < LEAST_IN_FRAMES ? null : token)
    this.#retry = new RetryPolicy(options.random ?? cryptoRandom, options.retry)
    this.#silence = new Silence(context.log, options.silence)
    this.#queue = new FeedQueue({ ...QUEUE_LIMIT, ...options.queueLimit }, lossReports(context))
  }

  /** A live feed cannot ask for anything again: this only tells what is lost when the reader gives up. */
  acknowledge({ seq, received }: Frame): void {
    this.#acknowledged = { seq, received }
  }

  async *events(signal: AbortSignal): AsyncGenerator<readonly FeedEvent[]> {
    const stop = new AbortController()
    const abort = () => (stop.abort(), this.#queue.wake())
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    const connected = this.#connect(stop.signal)
    connected.catch(abort)
    let isRead = false
    try {
      while (!stop.signal.aborted) {
        const events = await this.#next()
        if (events.length > 0) yield events
      }
      await connected
      if (!this.#queue.isEmpty) yield this.#queue.take()
      isRead = true
    } finally {
      signal.removeEventListener('abort', abort)
      abort()
      await connected
      if (!isRead) this.#reportUnacknowledged()
    }
  }

  /** The reader failed (a full disk, and the process is told to stop): what the log does not hold is lost. */
  #reportUnacknowledged(): void {
    const { seq, received: from } = this.#acknowledged
    const frames = this.#seq - 1 - seq
    if (frames <= 0) return
    const { clock, log } = this.#context
    log.error('feed.loss.end', { from, to: clock.now(), frames, why: 'stopped before the log took them' })
  }

  /** What is there, and the time when that was long not told. */
  async #next(): Promise<FeedEvent[]> {
    const { clock, metrics } = this.#context
    await this.#queue.wait(clock, this.#tickedAt + TICK_MS - clock.now())
    const events = this.#queue.take()
    metrics.queueDepth.set({ queue: 'feed' }, events.length)
    const at = clock.now()
    if (at < this.#tickedAt + TICK_MS) return events
    this.#tickedAt = at
    if (at >= this.#refusals.at + REFUSED_MS) this.#tellRefused(at)
    events.push({ kind: 'tick', at })
    return events
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { clock, health } = this.#context
    health.notReady('feed', `connecting to ${this.#address.host}`)
    while (!signal.aborted) {
      const ending = await runConnection(this.#connection(), { clock, events: this.#received() }, signal)
      this.#context.metrics.feedConnected.set(0)
      const delayMs = this.#ended(ending)
      if (delayMs > 0) await clock.sleep(delayMs, signal)
    }
    this.#queue.endLoss()
  }

  #connection() {
    const url = new URL(this.#address)
    if (this.#options.token !== null) url.searchParams.set('token', this.#options.token)
    const { symbols, proxy, resume, pingEveryMs = 20_000, stallAfterMs = 150_000, handshakeMs = 15_000 } = this.#options
    if (resume !== undefined) url.searchParams.set('since', String(this.#since(resume)))
    const dead = (now: number) => this.#silence.dead(now)
    return { url: url.href, symbols, proxy, pingEveryMs, stallAfterMs, handshakeMs, dead }
  }

  #since(resume: Resume): number {
    const { since, missed } = resume.begin(this.#context.clock.now())
    const cause = this.#conn === 0 ? 'restart' : 'outage'
    const reason = 'a simulated market sends again only what is not long ago'
    if (missed.length > 0) this.#queue.note({ kind: 'missed', ranges: missed, cause, reason })
    return since
  }

  #received(): ConnectionEvents {
    const { log, metrics, health } = this.#context
    const { session, symbols, resume } = this.#options
    const conn = this.#conn
    return {
      opened: (at, skew) => {
        this.#isOpen = true
        if (this.#acknowledged.seq < 0) this.#acknowledged.received ??= at
        log.info('feed.open', { conn, host: this.#address.host, symbols: symbols.length, skew })
        metrics.feedConnected.set(1)
        this.#silence.opened(at)
        health.ready('feed')
        health.ready('feed.symbols')
        this.#refusals = { count: 0, told: 0, at: 0 }
        this.#queue.note({ kind: 'open', conn, at, skew })
      },
      frame: (said, received) => {
        // Who says our token back would have it written into log, spool and dead letters.
        const text = this.#inFrames.hide(said)
        metrics.feedLastFrame.set(received / 1000)
        this.#silence.frame(text, received)
        if (text.length < 200 && TOO_MANY.test(text)) this.#tooMany()
        const fresh = resume === undefined ? text : resume.pass(text)
        if (fresh === null) return
        const frame = { kind: 'frame', conn, session, seq: this.#seq++, received, text: fresh, known: false } as const
        this.#queue.frame(frame, received)
      },
    }
  }

  /** Symbols are subscribed in order, so the last ones are refused. */
  #tellRefused(at: number): void {
    const { count, told } = this.#refusals
    if (count === told) return
    this.#refusals.told = count
    const reason = 'Subscribing to too many symbols'
    this.#queue.note({ kind: 'refused', at, symbols: this.#options.symbols.slice(-count), reason })
  }

  #tooMany(): void {
    const { count, told } = this.#refusals
    this.#refusals = { count: count + 1, told, at: this.#context.clock.now() }
    this.#context.health.notReady(
      'feed.symbols',
      `Finnhub refused some of the ${this.#options.symbols.length} symbols: "Subscribing to too many symbols" (the limit belongs to the key, usually 50)`,
    )
  }

  /** Tells about it. Returns the pause before the next connection. */
  #ended(ending: Ending): number {
    const { clock, log, metrics, health } = this.#context
    const retry = ending.kind === 'stopped' ? null : this.#retry.after(ending)
    const words = this.#masked(retry?.words ?? 'stopped')
    const at = clock.now()
    const cause = retry && (GAP_CAUSES[retry.reason] ?? 'outage')
    this.#tellRefused(at)
    const from = ending.kind === 'lost' && ending.since !== undefined ? { from: ending.since } : {}
    if (this.#isOpen) this.#queue.note({ kind: 'close', conn: this.#conn++, at, reason: words, cause, ...from })
    this.#isOpen = false
    if (!retry) return 0
    metrics.feedReconnects.inc({ reason: retry.reason })
    const delayMs = Math.round(retry.delayMs)
    log.warn('feed.lost', { reason: retry.reason, why: words, retryInMs: delayMs })
    health.notReady('feed', `${words}; next try ${new Date(clock.now() + delayMs).toISOString()}`)
    return delayMs
  }

  /** Libraries like to put the whole address into their messages. */
  #masked(words: string): string {
    return this.#secrets.hide(words.replaceAll(/([?&]token=)[^&\s'"]*/g, '$1***'))
  }
}

const GAP_CAUSES: { readonly [Reason in LossReason]?: GapCause } = {
  stall: 'stall',
  'ping-timeout': 'stall',
  evicted: 'eviction',
}

function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'wss:' || url?.protocol === 'ws:') return url
  throw new StockpipeError('config', 'the address of the feed is not a websocket address', {
    hint: 'it looks like wss://ws.finnhub.io',
  })
}

function checkProxy(text: string): void {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return
  throw new StockpipeError('config', 'the address of the proxy is not an http address', {
    hint: 'HTTPS_PROXY and HTTP_PROXY look like http://proxy.example.org:3128',
  })
}

const lossReports = ({ log, metrics }: Context): ConstructorParameters<typeof FeedQueue>[1] => ({
  began: (from) => log.error('feed.loss.begin', { from, why: 'frames come faster than they are taken' }),
  ended: (loss) => {
    log.error('feed.loss.end', { from: loss.from, to: loss.to, frames: loss.frames })
    metrics.feedFrames.inc({ type: 'dropped' }, loss.frames)
    metrics.spoolDropped.inc(loss.frames)
  },
})

const cryptoRandom = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 0x1_0000_0000
