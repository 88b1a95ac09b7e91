import { harmlessTime } from './event-time.ts'
import { patiently, type Patience } from './patience.ts'
import { StockpipeError } from '../errors.ts'
import type { Appended, Broker } from '../stream/broker.ts'
import { partitionOf } from '../stream/broker/partitioner.ts'
import { encodeHeaders, encodeValue, type Framing } from '../stream/codec.ts'
import type { Store } from '../stream/store.ts'

export interface ProbeOptions {
  broker: Broker
  store: Store
  topic: string
  symbol: string
  framing: Framing
  schemaId: number
  /** Null: not asked. */
  api: { url: string; token: string | null } | null
  /** Throws what may pass while not every copy of the log is in step. */
  copies: () => Promise<void>
}

interface Sent extends Appended {
  /** Of the trades, unix ms. */
  t: number
}

const PRICES = [100, 101, 102]
const SECOND_MS = 1_000
const DAY_MS = 86_400_000
/** A broker that was away gets in step in seconds, or not for a long time. */
const COPIES_MS = 60_000

/**
 * Sends a few trades of a made-up symbol on the way of all others and follows them. Real symbols notice nothing: their
 * watermark stays, and who looks for the last delivery of a producer does not take this for one, for it names no time
 * of receipt. Throws an error that names the stage which was not reached.
 */
export async function probe(options: ProbeOptions, patience: Patience): Promise<void> {
  const stage = stagesOf(patience)
  let sent = await stage('log', () => send(options, patience))
  let count = await stage('trades', () => stored(options, sent))
  await stage('candles', async () => {
    if (await isLate(options, sent)) sent = await send(options, patience)
    count = await stored(options, sent)
    await folded(options, sent, count)
  })
  if (options.api !== null) {
    const { api } = options
    await stage('api trades', () => served(api, options.symbol, sent))
    await stage('api candles', () => servedCandle(api, { ...options, count }, sent))
  }
  // Last, for all of the others may work without them.
  await stagesOf(atMost(COPIES_MS, patience))('copies', options.copies)
}

const atMost = (ms: number, patience: Patience): Patience => ({
  ...patience,
  timeout: Math.min(ms, patience.timeout),
  deadline: Math.min(patience.clock.elapsed() + ms, patience.deadline),
})

/** Does one stage after the other, and says how long each took. */
function stagesOf(patience: Patience) {
  const { clock, say } = patience
  return async <Result>(name: string, work: () => Promise<Result>): Promise<Result> => {
    const from = clock.elapsed()
    // Between two looks: a stage takes milliseconds where all is well.
    const result = await patiently(work, { ...patience, pause: 100, say: quietFor(5_000, patience) }).catch((error) => {
      throw error instanceof StockpipeError ? stuckAt(name, error) : error
    })
    say(`${name.padEnd(11)}  ok  ${Math.round(clock.elapsed() - from)} ms`)
    return result
  }
}

/** The first moments are no news. */
function quietFor(ms: number, { clock, say }: Patience): Patience['say'] {
  const from = clock.elapsed()
  return (line) => {
    if (clock.elapsed() - from >= ms) say(line)
  }
}

const stuckAt = (stage: string, error: StockpipeError): StockpipeError =>
  new StockpipeError('not-ready', `the test trades did not pass the stage "${stage}"`, {
    why: [error.message, error.why].filter(Boolean).join(': '),
    hint: error.hint ?? HINTS[stage],
    cause: error,
  })

const HINTS: Readonly<Record<string, string>> = {
  trades: 'look at /readyz and the log of the processors',
  candles: 'look at the log of the processors',
  'api trades': 'look at /readyz of the api',
  'api candles': 'look at /readyz of the api',
  copies: 'the trades went through; look at the brokers, for the log may be lost with one more of them',
}

const notYet = (message: string): StockpipeError => new StockpipeError('not-ready', message, { retryable: true })

async function send({ broker, topic, symbol, framing, schemaId }: ProbeOptions, { clock }: Patience): Promise<Sent> {
  const partitions = (await broker.bounds(topic)).length
  if (partitions === 0)
    throw new StockpipeError('topic-missing', `there is no topic ${topic} yet`, {
      hint: 'run `stockpipe setup topics`',
      retryable: true,
    })
  const partition = partitionOf(symbol, partitions)
  const now = clock.now()
  const t = Math.min(now, (await harmlessTime(broker, topic, partition)) ?? now)
  const entries = PRICES.map((p) => ({ c: null, p, s: symbol, t, v: 1 }))
  const session = `p${now.toString(36)}${crypto.randomUUID().slice(0, 3)}`
  const headers = encodeHeaders({ session, seq: 1, k: 0, prev: null, received: null, skew: 0, repeats: [] }, framing)
  const value = encodeValue(entries, framing, schemaId)
  const [appended] = await broker.append(topic, [{ key: symbol, value, headers, partition }])
  if (appended === undefined) throw notYet('the log did not answer')
  return { ...appended, t }
}

/** Resolves to how many trades of the symbol its second has. */
async function stored({ store, symbol }: ProbeOptions, { partition, offset, t }: Sent): Promise<number> {
  const from = t - (t % SECOND_MS)
  let own = 0
  let all = 0
  for await (const rows of store.read('trades', { symbols: [symbol], from, to: from + SECOND_MS }))
    for (const row of rows) {
      all++
      if (row.log_partition === partition && row.log_offset === offset) own++
    }
  if (own === PRICES.length) return all
  throw notYet(`${own} of ${PRICES.length} trades of ${symbol} are stored (partition ${partition}, offset ${offset})`)
}

/** While a feed catches up, the newest trade may be an old one by the time that ours are behind it. */
async function isLate({ store, symbol }: ProbeOptions, { partition, offset, t }: Sent): Promise<boolean> {
  for await (const rows of store.read('late', { symbols: [symbol], from: t, to: t + 1 }))
    if (rows.some((row) => row.log_partition === partition && row.log_offset === offset)) return true
  return false
}

async function folded({ store, symbol }: ProbeOptions, { t }: Sent, count: number): Promise<void> {
  const from = t - (t % SECOND_MS)
  const query = { symbols: [symbol], intervals: ['1s'] as const, from, to: from + 1 }
  let candle = 0
  for await (const rows of store.read('candles', query)) for (const { n } of rows) candle = Math.max(candle, n)
  if (candle < count) throw notYet(`the 1 s candle of ${symbol} has ${candle} of ${count} trades`)
  let window = 0
  for await (const rows of store.read('windows', { symbols: [symbol], from: t, to: t + DAY_MS }))
    for (const row of rows) if (row.window_start_ts <= t && t < row.window_end_ts) window = Math.max(window, row.n)
  if (window < count) throw notYet(`the windows of ${symbol} have ${window} of ${count} trades`)
}

type Api = NonNullable<ProbeOptions['api']>

async function served(api: Api, symbol: string, { partition, offset, t }: Sent): Promise<void> {
  const rows = await ask(api, '/v1/trades', {
    symbol,
    from: String(t),
    to: String(t + 1),
    order: 'desc',
    limit: '10000',
  })
  const own = rows.filter((row) => row['log_partition'] === partition && row['log_offset'] === offset).length
  if (own < PRICES.length) throw notYet(`the api serves ${own} of ${PRICES.length} trades of ${symbol}`)
}

async function servedCandle(
  api: Api,
  { symbol, count }: { symbol: string; count: number },
  { t }: Sent,
): Promise<void> {
  const from = t - (t % SECOND_MS)
  const [row] = await ask(api, '/v1/candles', { symbol, interval: '1s', from: String(from), to: String(from + 1) })
  const n = Number(row?.['n'] ?? 0)
  if (n < count) throw notYet(`the api serves a candle of ${symbol} with ${n} of ${count} trades`)
}

async function ask(
  { url, token }: Api,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>[]> {
  const address = `${url.replace(/\/$/, '')}${path}?${new URLSearchParams(query).toString()}`
  let answer: Response
  try {
    answer = await fetch(address, token === null ? {} : { headers: { authorization: `Bearer ${token}` } })
  } catch (cause) {
    throw new StockpipeError('unreachable', `the api at ${url} does not answer`, { retryable: true, cause })
  }
  const { data } = (await answer.json().catch(() => ({}))) as { data?: Record<string, unknown>[] }
  if (answer.ok && data !== undefined) return data
  const isPassing = answer.status >= 500 || answer.status === 429
  throw new StockpipeError('not-ready', `the api answers ${path} with ${answer.status}`, {
    hint: answer.status === 401 ? 'give the token with --api-token-file' : undefined,
    retryable: isPassing,
  })
}
