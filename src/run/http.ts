import type { OpenedFeed } from './open-feed.ts'
import { createApi } from '../api/api.ts'
import { serveApi, type ServedApi } from '../api/serve.ts'
import { createPage } from '../api/web/page.ts'
import { defaultListen, type Origins, type Settings } from '../config.ts'
import type { Origin } from '../data-dir.ts'
import { StockpipeError } from '../errors.ts'
import type { PipelineStats } from '../stats.ts'
import type { Live } from '../stream/live.ts'
import type { Store } from '../stream/store.ts'
import type { Terminal } from '../terminal.ts'
import type { Context } from '../telemetry.ts'
import { buildInfo } from '../version.ts'

export interface HttpSurroundings {
  context: Context
  store: Store
  live: Live
  stats: PipelineStats
  origin: Origin
  folder: string
  feed: OpenedFeed
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
  const page = await createPage()
  const app = createApi({ ...apiOptions(settings, around), page, signal: ended.signal })
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

function apiOptions(settings: Settings, { context, store, live, stats, origin, folder, feed }: HttpSurroundings) {
  const { version, commit } = buildInfo()
  const startedAt = context.clock.now()
  return {
    context,
    store,
    live,
    topic: settings.kafkaTopic,
    info: { version, commit, origin, symbols: settings.symbols, startedAt, mode: 'embedded', dataDir: folder },
    status: () => ({
      ...stats.snapshot(),
      feed: { kind: settings.feed, ...(feed.replay === null ? {} : feed.replay.progress()) },
    }),
    token: settings.apiToken,
    corsOrigin: settings.corsOrigin,
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
