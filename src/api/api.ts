/** ROLE api: what users, pages and scripts read. */
import { Hono } from 'hono'
import { cors } from 'hono/cors'

import type { Latencies } from '../latency.ts'
import type { Live } from '../stream/live.ts'
import type { Store } from '../stream/store.ts'
import type { StoreCatalog } from '../stream/store/catalog.ts'
import { BodyCache } from './body-cache.ts'
import type { Api } from './list.ts'
import { Hub } from './live/hub.ts'
import { addGuards, type OpsOptions, opsRoutes } from './ops.ts'
import type { ApiEnv } from './problem.ts'
import { addRequestContext } from './request.ts'
import { candleRoutes } from './routes/candles.ts'
import { docsRoutes } from './routes/docs.ts'
import { eventRoutes } from './routes/events.ts'
import { gapRoutes } from './routes/gaps.ts'
import { lateRoutes } from './routes/late.ts'
import { latestRoutes } from './routes/latest.ts'
import { registryRoutes } from './routes/registry.ts'
import { statsRoutes } from './routes/stats.ts'
import { storageRoutes } from './routes/storage.ts'
import { streamRoutes } from './routes/stream.ts'
import { symbolRoutes } from './routes/symbols.ts'
import { tradeRoutes } from './routes/trades.ts'
import { windowRoutes } from './routes/windows.ts'
import { catalogOf, readerOf } from './store-reader.ts'

export interface ApiOptions extends OpsOptions {
  store: Pick<Store, 'read' | 'symbols'>
  catalog: StoreCatalog
  live: Live
  latency?: Latencies
  /** Origins of other pages that may read the API; `*` for all. */
  corsOrigin?: readonly string[] | null
  /** Served at `/`, without a token. */
  page?: Hono | null
  /** The topic whose schema the registry serves; without it there is no registry. */
  topic?: string
  /** Ends all streams and the subscription to `live`. */
  signal?: AbortSignal
}

export function createApi(options: ApiOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()
  const corsOrigin = options.corsOrigin ?? []
  addRequestContext(app, options.context)
  if (corsOrigin.length > 0) app.use('/v1/*', crossOrigin(corsOrigin))
  addGuards(app, options)
  const api = partsOf(options, corsOrigin)
  const routes = [tradeRoutes, candleRoutes, windowRoutes, latestRoutes, lateRoutes, gapRoutes, symbolRoutes]
  for (const route of [...routes, streamRoutes, eventRoutes, statsRoutes]) app.route('/', route(api))
  app.route('/', storageRoutes(api, catalogOf(options.catalog)))
  app.route('/', opsRoutes(options))
  if (options.topic !== undefined) app.route('/', registryRoutes(options.topic))
  app.route('/', docsRoutes(app, options.info.version))
  if (options.page) app.route('/', options.page)
  return app
}

function partsOf(options: ApiOptions, corsOrigin: readonly string[]): Api {
  const { context, info, status, live, latency } = options
  const signal = options.signal ?? new AbortController().signal
  const store = readerOf(options.store)
  const hub = new Hub({ store, live, context, latency, signal })
  return {
    store,
    context,
    info,
    status,
    hub,
    corsOrigin,
    bodies: new BodyCache({ clock: context.clock, live, signal }),
  }
}

const crossOrigin = (origins: readonly string[]) =>
  cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'HEAD'],
    allowHeaders: ['authorization', 'last-event-id', 'x-request-id'],
    exposeHeaders: ['x-next-cursor', 'link', 'x-request-id', 'retry-after'],
    maxAge: 600,
  })
