/** Who may ask: host, origin, token, rate. */
import { createHash, timingSafeEqual } from 'node:crypto'

import type { Context as HonoContext, MiddlewareHandler } from 'hono'
import { getConnInfo } from 'hono/bun'

import type { Clock } from '../clock.ts'
import { type ApiEnv, problem } from './problem.ts'
import { isRegistryPath, registryError } from './registry-protocol.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]', '::1'])

export const isLoopback = (host: string): boolean => LOOPBACK.has(host) || /^127(\.\d{1,3}){3}$/.test(host)

/**
 * Against DNS rebinding: a page of evil.example whose name suddenly points to 127.0.0.1 still sends its own name.
 * True for a request that names this machine.
 */
export const namesLoopback = (headers: Headers): boolean => {
  const host = headers.get('host') ?? ''
  return isLoopback(host.replace(/:\d*$/, '').toLowerCase())
}

/** Browsers let any page open a WebSocket anywhere; only they send `Origin`. */
export function originAllowed(headers: Headers, allowed: readonly string[]): boolean {
  const origin = headers.get('origin')
  if (origin === null || allowed.includes('*') || allowed.includes(origin)) return true
  return URL.parse(origin)?.host === headers.get('host')?.toLowerCase()
}

const LIVE = new Set(['/v1/stream', '/v1/events'])

/**
 * Bearer token; on live routes, where browsers can send no header, also `?access_token=`; for the registry, whose
 * clients know nothing else, also the password of basic authentication, with any user name.
 */
export function requireToken(token: string): MiddlewareHandler<ApiEnv> {
  const wanted = digest(token)
  return async (c, next) => {
    const given = givenToken(c)
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return next()
    return isRegistryPath(c.req.path) ? refuseClient(c) : refuseToken(c, given === undefined)
  }
}

function givenToken(c: HonoContext<ApiEnv>): string | undefined {
  const header = c.req.header('authorization') ?? ''
  const bearer = /^Bearer +(\S+) *$/i.exec(header)?.[1]
  if (bearer !== undefined) return bearer
  if (LIVE.has(c.req.path)) return c.req.query('access_token')
  const basic = isRegistryPath(c.req.path) ? /^Basic +(\S+) *$/i.exec(header)?.[1] : undefined
  return basic === undefined ? undefined : /^[^:]*:(.*)$/s.exec(Buffer.from(basic, 'base64').toString())?.[1]
}

const refuseToken = (c: HonoContext<ApiEnv>, isMissing: boolean): Response =>
  problem(c, {
    status: 401,
    detail: isMissing ? 'A token is needed: Authorization: Bearer ...' : 'The token is wrong',
    headers: { 'www-authenticate': 'Bearer realm="stockpipe"' },
  })

function refuseClient(c: HonoContext<ApiEnv>): Response {
  c.header('www-authenticate', 'Basic realm="stockpipe"')
  return registryError(c, 'unauthorized', 'The token is needed, as the password of any user')
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

const MAX_CLIENTS = 10_000

interface Bucket {
  tokens: number
  at: number
}

/** `perSecond` requests a second and client address, as many at once after a pause. */
export function limitRate(perSecond: number, clock: Clock): MiddlewareHandler<ApiEnv> {
  const buckets = new Map<string, Bucket>()
  return async (c, next) => {
    const client = addressOf(c)
    const now = clock.now()
    const bucket = buckets.get(client) ?? { tokens: perSecond, at: now }
    bucket.tokens = Math.min(perSecond, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * perSecond)
    bucket.at = now
    buckets.delete(client)
    buckets.set(client, bucket)
    if (buckets.size > MAX_CLIENTS) for (const oldest of buckets.keys()) if (buckets.delete(oldest)) break
    if (bucket.tokens < 1)
      return problem(c, {
        status: 429,
        detail: `More than ${perSecond} requests a second`,
        headers: { 'retry-after': '1' },
      })
    bucket.tokens--
    return next()
  }
}

/** Without a socket (a request made inside the process) all are one client. */
const addressOf = (c: Parameters<typeof getConnInfo>[0]): string =>
  c.env && typeof c.env === 'object' && 'requestIP' in c.env ? (getConnInfo(c).remote.address ?? '') : ''
