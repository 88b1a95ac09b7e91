import type { Settings } from '../config.ts'
import { StockpipeError } from '../errors.ts'
import type { Feed } from '../ingest/feed.ts'
import { openFinnhubFeed } from '../ingest/feed/finnhub.ts'
import { proxyFor } from '../proxy.ts'
import { openReplayFeed, type ReplayFeed } from '../ingest/feed/replay.ts'
import type { Past } from '../ingest/feed/resume.ts'
import { resumeFromLog } from '../ingest/feed/resume-from-log.ts'
import { validateSymbols } from '../ingest/feed/validate-symbols.ts'
import { startSimulator } from '../ingest/simulator/simulator.ts'
import type { Broker } from '../stream/broker.ts'
import { isPrepared, retry } from '../stream/retry.ts'
import type { Context } from '../telemetry.ts'

export interface FeedSurroundings {
  context: Context
  broker: Broker
  /** The data folder of this origin. */
  folder: string
  topic: string
}

/** A feed and what belongs to it. */
export interface OpenedFeed extends AsyncDisposable {
  feed: Feed
  replay: ReplayFeed | null
  /** For people: where trades come from. */
  describe: string
}

const PAST: Past = { first: 30 * 60_000, again: 60 * 60_000 }
/** More than is asked for: some time passes between the asking and the sending. */
const HISTORY_MS = PAST.again + 5 * 60_000
const DEMO_RATE = 20

const feeds = { finnhub, replay, simulated } satisfies Record<Settings['feed'], Opener>
type Opener = (settings: Settings, around: FeedSurroundings) => Promise<OpenedFeed>

export const openFeed: Opener = (settings, around) => feeds[settings.feed](settings, around)

async function finnhub(settings: Settings, { context }: FeedSurroundings): Promise<OpenedFeed> {
  const { finnhubUrl: url, finnhubToken: token, symbols } = settings
  const proxy = proxyFor(url, process.env)
  if (settings.validateSymbols)
    await validateSymbols(symbols, { url, token, log: context.log, ...(proxy === undefined ? {} : { proxy }) })
  const feed = openFinnhubFeed(
    { url, token, symbols, session: sessionName(context), ...(proxy === undefined ? {} : { proxy }) },
    context,
  )
  return { feed, replay: null, describe: new URL(url).host, [Symbol.asyncDispose]: async () => {} }
}

/** The simulator runs in this process; the ordinary Finnhub feed connects to it over a loopback websocket. */
async function simulated({ symbols }: Settings, { context, broker, topic }: FeedSurroundings): Promise<OpenedFeed> {
  const { clock, log } = context
  const simulator = await startSimulator({ symbols, rate: DEMO_RATE, history: HISTORY_MS }, { clock, log })
  const feed = openedLater({ symbols, isSentAgain: true }, async (signal) => {
    const source = { broker, topic, symbols, now: clock.now(), past: PAST }
    const resume = await retry('log', () => resumeFromLog(source), { context, signal })
    return openFinnhubFeed(
      { url: simulator.url, token: 'simulated', symbols, session: sessionName(context), resume },
      context,
    )
  })
  return {
    feed,
    replay: null,
    describe: 'made-up prices; set STOCKPIPE_FINNHUB_TOKEN for real ones',
    [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
  }
}

async function replay(settings: Settings, { context, folder }: FeedSurroundings): Promise<OpenedFeed> {
  const { replayFile: file, replaySpeed: speed, replayRebase: rebase, replayAgain: again } = settings
  if (file === null) throw new StockpipeError('config', '--feed replay needs --replay-file')
  const feed = await openReplayFeed({ file, speed, rebase, again, stateDir: folder }, context)
  return {
    feed,
    replay: feed,
    describe: `${file}, speed ${speed === Number.POSITIVE_INFINITY ? 'max' : speed}`,
    [Symbol.asyncDispose]: async () => {},
  }
}

/** A feed that can only be made once the log answers. */
function openedLater(watched: NonNullable<Feed['watched']>, open: (signal: AbortSignal) => Promise<Feed>): Feed {
  let opened: Feed | null = null
  return {
    watched,
    async *events(signal) {
      if (await isPrepared(signal, async () => (opened = await open(signal)))) yield* opened?.events(signal) ?? []
    },
    acknowledge: (frame) => opened?.acknowledge(frame),
  }
}

/** Names this process's frames: at most 12 characters, another one at every start. */
const sessionName = ({ clock }: Context): string => `${clock.now().toString(36)}${crypto.randomUUID().slice(0, 3)}`
