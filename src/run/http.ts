import type { ClockWatch } from './clocks.ts'
import type { OpenedFeed } from './open-feed.ts'
import type { OriginKeeper } from './origin.ts'
import { createOpsApp } from '../api/ops.ts'
import { serveApi, type ServedApi } from '../api/serve.ts'
import { latencyReport } from '../latency-report.ts'
import { defaultListen, type Origins, type Settings } from '../config.ts'
import { StockpipeError } from '../errors.ts'
import type { PipelineStats } from '../stats.ts'
import type { Live } from '../stream/live.ts'
import type { CataloguedStore } from '../stream/store/catalog.ts'
import type { Terminal } from '../terminal.ts'
import type { Context } from '../telemetry.ts'
import { buildInfo } from '../version.ts'

export interface HttpSurroundings {
  context: Context
  /** Null for roles that do not read it. */
  store: CataloguedStore | null
  live: Live
  stats: PipelineStats
  clocks: ClockWatch
  origin: OriginKeeper
  /** Null for roles that keep nothing on this disk. */
  folder: string | null
  feed: OpenedFeed | null
  terminal: Terminal
}

export interface Http extends AsyncDisposable {
  url: string
  /** Serves until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

const PORTS_TRIED = 20

/** Listens at once, so that a busy port is known before anything else starts. */
export async function openHttp(settings: Settings, origins: Origins, around: HttpSurroundings): Promise<Http> {
  const ended = new AbortController()
  const { store } = around
  const app =
    settings.role.includes('api') && store !== null
      ? await openApi(settings, around, { store, signal: ended.signal })
      : createOpsApp(opsOptions(settings, around))
  const served = await listen(
    (port) => serveApi(app, { ...address(settings), port, context: around.context }),
    settings,
    origins,
    around.terminal,
  )
  return {
    url: served.url,
    run: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve(), { once: true })
      }),
    async [Symbol.asyncDispose]() {
      ended.abort()
      await served[Symbol.asyncDispose]()
    },
  }
}

async function openApi(
  settings: Settings,
  around: HttpSurroundings,
  { store, signal }: { store: CataloguedStore; signal: AbortSignal },
) {
  const [{ createApi }, { createPage }] = await Promise.all([import('../api/api.ts'), import('../api/web/page.ts')])
  return createApi({ ...apiOptions(settings, around), store, catalog: store.catalog, page: await createPage(), signal })
}

const apiOptions = (settings: Settings, around: HttpSurroundings) => ({
  ...opsOptions(settings, around),
  live: around.live,
  latency: around.stats.latency,
  topic: settings.kafkaTopic,
  corsOrigin: settings.corsOrigin,
})

function opsOptions(settings: Settings, { context, stats, clocks, origin, folder, feed }: HttpSurroundings) {
  const { version, commit } = buildInfo()
  const info = {
    version,
    commit,
    get origin() {
      return origin.current
    },
    // Which symbols are followed is known where the feed is.
    symbols: feed === null ? [] : settings.symbols,
    startedAt: context.clock.now(),
    mode: settings.broker === settings.store ? settings.broker : `${settings.broker}, ${settings.store}`,
    roles: settings.role,
    ...(folder === null ? {} : { dataDir: folder }),
  }
  const replay = () => (feed?.replay ? feed.replay.progress() : {})
  return {
    context,
    info,
    status: () => ({
      ...stats.snapshot(),
      latency: latencyReport(stats.latency, {
        origin: origin.current,
        roles: settings.role,
        clocks: clocks.doubts,
      }),
      ...(feed === null ? {} : { feed: { kind: settings.feed, ...replay() } }),
    }),
    token: settings.apiToken,
    rateLimit: settings.rateLimit,
  }
}

const address = (settings: Settings) => settings.listen ?? defaultListen(settings.role)

/**
 * A busy default port: the next free one, on a terminal or where the run ends by itself, so that nobody counts on the
 * port. Asked for by name, or for a service: an error.
 */
async function listen(
  serve: (port: number) => Promise<ServedApi>,
  settings: Settings,
  origins: Origins,
  terminal: Terminal,
): Promise<ServedApi> {
  const { port } = address(settings)
  const mayMove = origins.listen.source === 'default' && (terminal.isTty || settings.exitAtEnd)
  for (let tried = port; ; tried++) {
    try {
      return await serve(tried)
    } catch (error) {
      const isBusy = error instanceof StockpipeError && error.code === 'port-in-use'
      if (!isBusy || !mayMove || tried >= port + PORTS_TRIED) throw error
    }
  }
}
