import { ClockWatch } from './clocks.ts'
import { openHttp, type Http } from './http.ts'
import { openLog } from './log.ts'
import { noSpool, openSpool, wantsSpool } from './open-spool.ts'
import type { FeedSurroundings, OpenedFeed } from './open-feed.ts'
import { OriginKeeper } from './origin.ts'
import { openRowStore } from './row-store.ts'
import { type TaskParts, tasksOf } from './tasks.ts'
import { buildInfo } from '../version.ts'
import { needsStore, type Origins, ROLES, type Settings } from '../config.ts'
import { systemClock } from '../clock.ts'
import { type DataDir, openDataDir, type Origin } from '../data-dir.ts'
import { collectDisk, collectProcess } from '../process-metrics.ts'
import type { Secrets } from '../secrets.ts'
import { PipelineStats } from '../stats.ts'
import { localLive } from '../stream/live.ts'
import { topicLive, type TopicLive } from '../stream/topic-live.ts'
import { ensureTopics } from '../stream/topics.ts'
import type { Task } from '../supervisor.ts'
import { createTerminal, type Terminal } from '../terminal.ts'
import { type Context, createLog, createMetrics, Health } from '../telemetry.ts'

/** Everything that one process runs, opened and wired. */
export interface Pipeline extends AsyncDisposable {
  settings: Settings
  context: Context
  terminal: Terminal
  stats: PipelineStats
  origin: OriginKeeper
  /** Null for roles that keep nothing on this disk. */
  dataDir: string | null
  /** Null where the feed is another process's affair. */
  feed: OpenedFeed | null
  http: Http
  tasks: readonly Task[]
}

export interface Surroundings {
  origins: Origins
  secrets: Secrets
}

/** Opens what the roles need. What was opened is closed again when something fails, and when the pipeline is disposed of. */
export async function openPipeline(settings: Settings, { origins, secrets }: Surroundings): Promise<Pipeline> {
  await using opening = new AsyncDisposableStack()
  const terminal = createTerminal(process.stderr)
  const context = createContext(settings, { terminal, secrets })
  const stats = new PipelineStats(context.clock)
  const clocks = new ClockWatch(stats.latency, context, { hasFeed: settings.role.includes('producer') })
  const own = settings.role.includes('producer') ? originOf(settings) : null
  const dataDir = opening.use(openFolder(settings, context))
  if (dataDir !== null) collectDisk(context.metrics.registry, dataDir.path)
  const folder = dataDir?.path ?? ''
  const { broker, stamp: logStamp, commits } = await openLog(settings, { context, folder })
  opening.use(broker)
  const spool = opening.use(await openSpool(settings, { context, folder: dataDir }))
  const opened = needsStore(settings) ? await openRowStore(settings, { context, folder, broker }) : null
  const store = opening.use(opened?.store ?? null)
  const origin = new OriginKeeper({
    own,
    allowMixed: settings.allowMixed,
    log: logStamp,
    store: opened?.stamp ?? null,
    hasRecords: async () => (await broker.bounds(settings.kafkaTopic)).some(({ end }) => end > 0),
    context,
  })
  const topic = { broker, topic: settings.kafkaTopic, partitions: settings.partitions }
  const windows = {
    window: settings.window,
    hop: settings.hop,
    delay: settings.delay,
    futureLimit: settings.futureLimit,
  }
  const topics: TopicLive | null =
    settings.broker === 'kafka' ? topicLive({ ...topic, windows, context, latency: stats.latency }) : null
  const live = topics ?? localLive()
  const drained = new AbortController()
  const options: TaskParts['options'] = {
    ...topic,
    live,
    context,
    group: settings.kafkaGroup,
    retention: { ms: settings.retentionLog, bytes: settings.retentionLogSize },
    framing: settings.avroFraming,
    windows,
    idle: settings.idle,
    flush: settings.flush,
    maxBadPercent: settings.maxBadPercent,
    stallLimit: settings.stallLimit,
    spool,
    drained: drained.signal,
  }
  // At once, so that a log of another shape is refused before anything runs. Kafka is waited for later.
  if (settings.broker === 'embedded') await ensureTopics(options, new AbortController().signal)
  const feed = settings.role.includes('producer')
    ? opening.use(await feedOf(settings, { context, broker, folder }))
    : null
  const http = opening.use(
    await openHttp(settings, origins, {
      context,
      store,
      live,
      stats,
      clocks,
      origin,
      folder: dataDir?.root ?? null,
      feed,
      terminal,
    }),
  )
  const tasks = tasksOf({ settings, options, store, http, feed, origin, stats, clocks, topics, commits, drained })
  const parts = opening.move()
  return {
    settings,
    context,
    terminal,
    stats,
    origin,
    dataDir: dataDir?.path ?? null,
    feed,
    http,
    tasks,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function feedOf(settings: Settings, around: Pick<FeedSurroundings, 'context' | 'broker' | 'folder'>) {
  const { openFeed } = await import('./open-feed.ts')
  return openFeed(settings, { ...around, topic: settings.kafkaTopic })
}

/** The embedded log and store are files, and a recording is replayed from where it was. */
const keepsData = (settings: Settings): boolean =>
  settings.broker === 'embedded' ||
  (settings.store === 'embedded' && needsStore(settings)) ||
  (settings.role.includes('producer') && settings.feed === 'replay')

/** Null for roles that keep nothing on this disk. For the spool alone it may be missing. */
function openFolder(settings: Settings, { clock, log }: Context): DataDir | null {
  const options = { path: settings.dataDir, origin: originOf(settings), clock, allowMixed: settings.allowMixed }
  if (keepsData(settings)) return openDataDir(options)
  if (!wantsSpool(settings)) return null
  try {
    return openDataDir(options)
  } catch (error) {
    noSpool(error, log)
    return null
  }
}

function createContext(settings: Settings, { terminal, secrets }: { terminal: Terminal; secrets: Secrets }): Context {
  const metrics = createMetrics()
  const { version, commit, runtime } = buildInfo()
  metrics.buildInfo.set({ version, commit, runtime }, 1)
  for (const role of settings.role) metrics.roleInfo.set({ role }, 1)
  collectProcess(metrics.registry, systemClock)
  const log = createLog({
    level: settings.logLevel,
    format: settings.logFormat ?? (terminal.isTty ? 'pretty' : 'json'),
    clock: systemClock,
    write: (line) => terminal.print(line),
    role: settings.role.length === ROLES.length ? 'all' : settings.role.join(','),
    secrets,
  })
  return { clock: systemClock, log, metrics, health: new Health(secrets) }
}

const originOf = ({ feed }: Settings): Origin =>
  feed === 'finnhub' ? 'live' : feed === 'replay' ? 'replay' : 'simulated'
