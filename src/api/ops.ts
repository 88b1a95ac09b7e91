import { Hono } from 'hono'
import { describeRoute } from 'hono-openapi'
import * as v from 'valibot'

import type { Context } from '../telemetry.ts'
import { limitRate, requireToken } from './guard.ts'
import type { Info, Status } from './info.ts'
import { addRequestContext } from './request.ts'
import type { ApiEnv } from './problem.ts'
import { checked } from './query.ts'
import { isRegistryPath } from './registry-protocol.ts'

export interface OpsOptions {
  context: Context
  info: Info
  status: Status
  /** Guards `/metrics`, `/statusz`, data and schema registry; the probes stay open. */
  token?: string | null
  /** Requests a second and client; 0: no limit. */
  rateLimit?: number
}

/** What every role serves: `/livez /readyz /metrics /statusz`. */
export function createOpsApp(options: OpsOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()
  addRequestContext(app, options.context)
  addGuards(app, options)
  return app.route('/', opsRoutes(options))
}

const PROBES = new Set(['/livez', '/readyz'])
const isGuarded = (path: string): boolean => /^\/(v1(\/|$)|metrics$|statusz$)/.test(path) || isRegistryPath(path)

/** Rate and token, in this order. Probes, the page and the documentation need no token. */
export function addGuards(app: Hono<ApiEnv>, { context, token, rateLimit }: OpsOptions): void {
  if (rateLimit) {
    const limit = limitRate(rateLimit, context.clock)
    app.use(async (c, next) => (PROBES.has(c.req.path) ? next() : limit(c, next)))
  }
  if (token) {
    const guard = requireToken(token)
    app.use(async (c, next) => (isGuarded(c.req.path) && c.req.method !== 'OPTIONS' ? guard(c, next) : next()))
  }
}

const readyQuery = v.object({
  verbose: v.optional(v.pipe(v.string(), v.description('Lists what is ready too'))),
})

const json = (description: string) => ({
  description,
  content: { 'application/json': { schema: { type: 'object' as const } } },
})

export function opsRoutes({ context, info, status }: OpsOptions): Hono<ApiEnv> {
  const describe = (summary: string, responses: Parameters<typeof describeRoute>[0]['responses']) =>
    describeRoute({ summary, tags: ['operation'], ...(responses ? { responses } : {}) })
  return new Hono<ApiEnv>()
    .get('/livez', describe('The process lives', { 200: json('It does') }), (c) => c.json({ alive: true }))
    .get(
      '/readyz',
      describe('The process can do its work', { 200: json('Ready'), 503: json('Not ready; `not_ready` says why') }),
      checked(readyQuery),
      (c) => {
        const { isReady } = context.health
        const parts = context.health.report()
        const notReady = parts.filter((part) => !part.ready).map(({ component, reason }) => ({ component, reason }))
        const verbose = c.req.query('verbose')
        const all = verbose === undefined || verbose === 'false' || verbose === '0' ? {} : { components: parts }
        return c.json({ ready: isReady, not_ready: notReady, ...all }, isReady ? 200 : 503)
      },
    )
    .get(
      '/metrics',
      describe('Prometheus metrics', {
        200: { description: 'Text format', content: { 'text/plain': { schema: { type: 'string' } } } },
      }),
      async (c) =>
        c.body(await context.metrics.registry.metrics(), 200, {
          'content-type': context.metrics.registry.contentType,
        }),
    )
    .get('/statusz', describe('The process and its state', { 200: json('State') }), (c) =>
      c.json({ ...about(info, context.clock.now()), health: context.health.report(), ...status() }),
    )
}

const about = (info: Info, now: number) => ({
  version: info.version,
  commit: info.commit,
  mode: info.mode,
  origin: info.origin,
  symbols: info.symbols,
  started_at: info.startedAt,
  now,
  uptime_ms: now - info.startedAt,
  ...(info.dataDir === undefined ? {} : { data_dir: info.dataDir }),
})
