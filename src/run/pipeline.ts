import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { openHttp, type Http } from './http.ts'
import { openFeed, type OpenedFeed } from './open-feed.ts'
import { buildInfo } from '../version.ts'
import type { Origins, Settings } from '../config.ts'
import { printDuration } from '../config/measure.ts'
import { systemClock } from '../clock.ts'
import { openDataDir, type Origin } from '../data-dir.ts'
import { ReplayState } from '../ingest/feed/replay-state.ts'
import { runProducer } from '../ingest/ingest.ts'
import { PipelineStats } from '../stats.ts'
import { openEmbeddedBroker } from '../stream/broker/embedded.ts'
import { localLive } from '../stream/live.ts'
import { Observer } from '../stream/observer.ts'
import { Outlet, type ProcessorOptions } from '../stream/outlet.ts'
import type { Store } from '../stream/store.ts'
import { settleStore } from '../stream/store/settings.ts'
import { openThreadedStore } from '../stream/store/threaded.ts'
import { runProcessor } from '../stream/stream.ts'
import { ensureTopics } from '../stream/topics.ts'
import type { Task } from '../supervisor.ts'
import { createTerminal, type Terminal } from '../terminal.ts'
import { type Context, createLog, createMetrics, Health, type Log } from '../telemetry.ts'

/** Everything that one process runs, opened and wired. */
export interface Pipeline extends AsyncDisposable {
  settings: Settings
  context: Context
  terminal: Terminal
  stats: PipelineStats
  origin: Origin
  dataDir: string
  feed: OpenedFeed
  http: Http
  tasks: readonly Task[]
}

const PRUNE_EVERY_MS = 600_000

/** Opens what the roles need. What was opened is closed again when something fails, and when the pipeline is disposed of. */
export async function openPipeline(settings: Settings, origins: Origins): Promise<Pipeline> {
  await using opening = new AsyncDisposableStack()
  const terminal = createTerminal(process.stderr)
  const context = createContext(settings, terminal)
  const stats = new PipelineStats(context.clock)
  const origin = originOf(settings)
  const folder = opening.use(
    openDataDir({ path: settings.dataDir, origin, clock: context.clock, allowMixed: settings.allowMixed }),
  )
  const { clock, log } = context
  noticeLostLog(folder.path, log)
  const broker = opening.use(await openEmbeddedBroker({ path: join(folder.path, 'log.db'), clock, log }))
  const path = join(folder.path, 'store.db')
  const bounds = await broker.bounds(settings.kafkaTopic)
  const isLogWhole = bounds.every(({ start }) => start === 0)
  settleStore({ path, clock, log, settings: windowWords(settings), isLogWhole })
  const store = opening.use(
    await openThreadedStore({
      path,
      clock,
      log,
      retention: { tradesMs: settings.retentionTrades, candlesMs: settings.retentionCandles },
    }),
  )
  const drained = new AbortController()
  const live = localLive()
  const options: ProcessorOptions = {
    broker,
    store,
    live,
    context,
    topic: settings.kafkaTopic,
    group: settings.kafkaGroup,
    partitions: settings.partitions,
    retention: { ms: settings.retentionLog, bytes: settings.retentionLogSize },
    framing: settings.avroFraming,
    windows: { window: settings.window, hop: settings.hop, delay: settings.delay, futureLimit: settings.futureLimit },
    idle: settings.idle,
    flush: settings.flush,
    drained: drained.signal,
  }
  // At once, so that a log of another shape is refused before anything runs.
  await ensureTopics(options, new AbortController().signal)
  const feed = opening.use(
    await openFeed(settings, { context, broker, folder: folder.path, topic: settings.kafkaTopic }),
  )
  const http = await openHttp(settings, origins, {
    context,
    store,
    live,
    stats,
    origin,
    folder: folder.root,
    feed,
    terminal,
  })
  opening.use(http)
  const tasks: Task[] = [
    { name: 'api', needs: [], run: (signal) => http.run(signal) },
    { name: 'retention', needs: [], run: (signal) => pruneNowAndThen(store, context, signal) },
    {
      name: 'processor',
      needs: ['api', 'retention'],
      run: (signal) => runProcessor(options, new Outlet(options, new Observer(context, stats)), signal),
    },
    {
      name: 'producer',
      needs: ['processor'],
      async run(signal) {
        await runProducer(feed.feed, { ...options, repeats: settings.repeats }, signal)
        if (settings.exitAtEnd && !signal.aborted) drained.abort()
      },
    },
  ]
  const opened = opening.move()
  return {
    settings,
    context,
    terminal,
    stats,
    origin,
    dataDir: folder.path,
    feed,
    http,
    tasks: settings.exitAtEnd ? endingWith('processor', tasks) : tasks,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function createContext(settings: Settings, terminal: Terminal): Context {
  const metrics = createMetrics()
  const { version, commit, runtime } = buildInfo()
  metrics.buildInfo.set({ version, commit, runtime }, 1)
  const log = createLog({
    level: settings.logLevel,
    format: settings.logFormat ?? (terminal.isTty ? 'pretty' : 'json'),
    clock: systemClock,
    write: (line) => terminal.print(line),
  })
  return { clock: systemClock, log, metrics, health: new Health() }
}

/** Someone removed the log: no recording is in it any more. Its store keeps what it has, and offsets begin anew. */
function noticeLostLog(folder: string, log: Log): void {
  if (existsSync(join(folder, 'log.db'))) return
  ReplayState.forget(folder)
  if (!existsSync(join(folder, 'store.db'))) return
  log.warn('log.made_anew', { why: `log.db is gone from ${folder}`, note: 'rows already stored stay as they are' })
}

/** What decides which windows there are and what is in them. */
const windowWords = ({ window, hop, delay, futureLimit }: Settings): string =>
  Object.entries({ window, hop, delay, 'future-limit': futureLimit })
    .map(([name, ms]) => `--${name} ${printDuration(ms)}`)
    .join(' ')

const originOf = ({ feed }: Settings): Origin =>
  feed === 'finnhub' ? 'live' : feed === 'replay' ? 'replay' : 'simulated'

async function pruneNowAndThen(store: Store, { clock, log }: Context, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await store.prune(clock.now())
    } catch (error) {
      log.warn('store.prune_failed', { error, again_in_ms: PRUNE_EVERY_MS })
    }
    await clock.sleep(PRUNE_EVERY_MS, signal)
  }
}

/** Once the named task is done there is nothing left to serve: the others end with it. */
function endingWith(name: string, tasks: readonly Task[]): Task[] {
  const ended = new AbortController()
  return tasks.map((task) => ({
    ...task,
    async run(signal) {
      if (task.name !== name)
        return task.run(task.needs.includes(name) ? signal : AbortSignal.any([signal, ended.signal]))
      await task.run(signal)
      ended.abort()
    },
  }))
}
