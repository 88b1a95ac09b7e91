import type { Context as HonoContext, Hono } from 'hono'
import { routePath } from 'hono/route'
import { secureHeaders } from 'hono/secure-headers'

import { nearest } from '../config/nearest.ts'
import type { Context } from '../telemetry.ts'
import { type ApiEnv, problem, toProblem } from './problem.ts'

/** Request ids, security headers, figures, and answers for what has no route or went wrong. */
export function addRequestContext(app: Hono<ApiEnv>, context: Context): void {
  const nextId = requestIds(context.clock.now())
  app.use(async (c, next) => {
    const began = context.clock.now()
    const id = ownId(c.req.header('x-request-id')) ?? nextId()
    c.set('requestId', id)
    await next()
    if (c.res.status !== 101) c.res.headers.set('x-request-id', id)
    const labels = { method: methodLabel(c.req.method), route: routeLabel(c), status: String(c.res.status) }
    context.metrics.http.observe(labels, (context.clock.now() - began) / 1000)
  })
  app.use(headers)
  app.notFound((c) => noRoute(app, c))
  app.onError((error, c) => {
    const details = toProblem(error)
    if (details.status >= 500)
      context.log.error('http.failed', { route: routeLabel(c), requestId: c.get('requestId'), error })
    return problem(c, details)
  })
}

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    manifestSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  // The program speaks plain HTTP; whoever puts TLS before it decides about this.
  strictTransportSecurity: false,
})

function requestIds(start: number): () => string {
  let count = 0
  const boot = start.toString(36)
  return () => `${boot}-${(++count).toString(36)}`
}

const ownId = (given: string | undefined): string | null =>
  given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : null

const METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'])
const methodLabel = (method: string): string => (METHODS.has(method) ? method : 'other')

/** The route's pattern, so that the label has as many values as there are routes. */
const routeLabel = (c: HonoContext<ApiEnv>): string => {
  const path = routePath(c, -1)
  return path === '*' || path === '/*' ? 'none' : path
}

/** 405 where the address exists for another method, else 404 with the nearest address. */
function noRoute(app: Hono<ApiEnv>, c: HonoContext<ApiEnv>): Response {
  const paths = new Set(app.routes.filter(({ method }) => method === 'GET').map(({ path }) => path))
  if (paths.has(c.req.path))
    return problem(c, {
      status: 405,
      detail: 'This address can only be read',
      headers: { allow: 'GET, HEAD' },
    })
  const near = nearest(
    c.req.path,
    [...paths].filter((path) => !path.includes('*')),
  )
  const hint = near === null ? '; /docs lists them all' : `; did you mean ${near}?`
  return problem(c, { status: 404, detail: `There is nothing at this address${hint}` })
}
