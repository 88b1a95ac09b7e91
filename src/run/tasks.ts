import type { ClockWatch } from './clocks.ts'
import type { Http } from './http.ts'
import { watchLag, watchLog } from './lag.ts'
import type { OpenedLog } from './log.ts'
import type { OpenedFeed } from './open-feed.ts'
import type { OriginKeeper } from './origin.ts'
import { schemaIdFor } from './schema-id.ts'
import type { Settings } from '../config.ts'
import type { PipelineStats } from '../stats.ts'
import { SCHEMA_ID } from '../stream/codec.ts'
import type { FeedClockListener } from '../ingest/feed-clock.ts'
import type { Spool } from '../ingest/spool.ts'
import { Observer } from '../stream/observer.ts'
import { Outlet, type ProcessorOptions } from '../stream/outlet.ts'
import { isPrepared, retry } from '../stream/retry.ts'
import type { Store } from '../stream/store.ts'
import { runProcessor } from '../stream/stream.ts'
import type { TopicLive } from '../stream/topic-live.ts'
import type { Task } from '../supervisor.ts'
import type { Context } from '../telemetry.ts'

export interface TaskParts {
  settings: Settings
  options: Omit<ProcessorOptions, 'store'> & { spool: Spool | null }
  /** Null for roles that have nothing to do with it. */
  store: Store | null
  http: Http
  feed: OpenedFeed | null
  origin: OriginKeeper
  stats: PipelineStats
  clocks: ClockWatch
  /** Null where a call carries live updates. */
  topics: TopicLive | null
  /** Null where processors can only be in this process. */
  commits: OpenedLog['commits']
  /** Aborted when a finite feed has ended. */
  drained: AbortController
}

const PRUNE_EVERY_MS = 600_000
const WATCH_EVERY_MS = 5_000

/** What this process does, by its roles. */
export function tasksOf(parts: TaskParts): readonly Task[] {
  const { settings, options, store, http, feed, topics } = parts
  const isOf = (role: Settings['role'][number]) => settings.role.includes(role)
  const tasks: Task[] = [{ name: 'http', needs: [], run: (signal) => http.run(signal) }]
  if (isOf('processor') && store !== null) tasks.push(...processorTasks(parts, store))
  if (isOf('api') && topics !== null) tasks.push({ name: 'live', needs: [], run: (signal) => topics.run(signal) })
  if (!isOf('processor')) countLive(parts)
  if (isOf('api')) tasks.push(clocksTask(parts), ...lagTask(parts), ...grafanaTask(parts))
  if (isOf('api') && store !== null && settings.store === 'cassandra') tasks.push(watchTask(store, options.context))
  if (feed !== null) tasks.push(producerTask(parts, feed))
  else if (!isOf('processor')) tasks.push({ name: 'origin', needs: [], run: (signal) => parts.origin.learn(signal) })
  return settings.exitAtEnd ? endingWith(isOf('processor') ? 'processor' : 'producer', tasks) : tasks
}

function processorTasks({ settings, options: rest, origin, stats, topics }: TaskParts, store: Store): Task[] {
  const options = { ...rest, store }
  const { broker, context, topic } = options
  const observer = new Observer(context, stats, () => origin.current === 'replay')
  return [
    { name: 'retention', needs: [], run: (signal) => pruneNowAndThen(store, context, signal) },
    {
      name: 'processor',
      needs: ['http', 'retention'],
      async run(signal) {
        let schemaId = SCHEMA_ID
        const prepare = async () => {
          await topics?.ensureTopic(signal)
          await origin.stampStore(signal)
          schemaId = await schemaIdFor(settings, context, signal)
        }
        if (!(await isPrepared(signal, prepare))) return
        const whole = { ...options, schemaId }
        await runProcessor(whole, new Outlet(whole, observer), signal)
      },
    },
    { name: 'log-end', needs: [], run: (signal) => watchLog({ broker, topic, context, observer }, signal) },
  ]
}

const producerTask = ({ settings, options, origin, drained, stats }: TaskParts, { feed }: OpenedFeed): Task => ({
  name: 'producer',
  needs: ['http', 'processor'],
  async run(signal) {
    let schemaId = SCHEMA_ID
    const learn = async () => {
      schemaId = await schemaIdFor(settings, options.context, signal)
    }
    if (!(await isPrepared(signal, learn))) return
    const prepare = (until: AbortSignal) => origin.stampLog(until)
    const { runProducer } = await import('../ingest/ingest.ts')
    const onFeedClock: FeedClockListener = (offset, doubt) => (stats.latency.feedClock = { offset, doubt })
    await runProducer(feed, { ...options, schemaId, prepare, onFeedClock, repeats: settings.repeats }, signal)
    if (settings.exitAtEnd && !signal.aborted) drained.abort()
  },
})

/** Trades as they pass by: the processors are elsewhere. */
function countLive({ options: { live }, stats }: TaskParts): void {
  live.subscribe(({ trades }) => {
    let count = 0
    for (const { entries, skip } of trades) count += entries.length - (skip?.size ?? 0)
    stats.stored(count)
  })
}

const clocksTask = ({ clocks }: TaskParts): Task => ({ name: 'clocks', needs: [], run: (signal) => clocks.run(signal) })

/** Processors are elsewhere, too: how far they are behind, for people and for what makes more of them. */
function lagTask({ settings, options, topics, commits, stats }: TaskParts): Task[] {
  if (topics === null || commits === null) return []
  const { broker, context } = options
  const source = { broker, topic: settings.kafkaTopic, positions: topics.positions, commits, context, stats }
  return [{ name: 'lag', needs: [], run: (signal) => watchLag(source, signal) }]
}

function grafanaTask({ settings, options: { live, context } }: TaskParts): Task[] {
  const { grafanaLiveUrl: url, grafanaLiveToken: token } = settings
  if (url === null) return []
  const run = async (signal: AbortSignal) => {
    const { pushToGrafana } = await import('../api/grafana-live.ts')
    await pushToGrafana({ url, token, live, context }, signal)
  }
  return [{ name: 'grafana-live', needs: [], run }]
}

/** Asks the store now and then, so that /readyz tells of one that is away before a user does. */
const watchTask = (store: Store, context: Context): Task => ({
  name: 'store',
  needs: [],
  async run(signal) {
    const ask = () => retry('store', () => store.symbols(), { context, signal })
    while (await isPrepared(signal, ask)) await context.clock.sleep(WATCH_EVERY_MS, signal)
  },
})

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
