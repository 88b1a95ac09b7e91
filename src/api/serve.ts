import type { Hono } from 'hono'
import { websocket } from 'hono/bun'

import { StockpipeError } from '../errors.ts'
import type { Context } from '../telemetry.ts'
import { isLoopback, namesLoopback } from './guard.ts'
import { type ApiEnv, problemResponse, toProblem } from './problem.ts'

export interface ServeOptions {
  host: string
  /** 0: any free one. */
  port: number
  context: Context
}

export interface ServedApi extends AsyncDisposable {
  url: string
  port: number
}

/** Longer than the keepalive of a quiet event stream, short enough to notice a client that is gone (s). */
const IDLE_SECONDS = 30
const GRACE_MS = 1_000
const MAX_MESSAGE = 64 * 1024

/**
 * Listens until disposed; then requests under way have a second to end.
 * Throws `port-in-use`, or `config` for an address that this machine cannot listen on.
 */
export async function serveApi(app: Hono<ApiEnv>, options: ServeOptions): Promise<ServedApi> {
  const server = listen(app, options)
  const port = server.port ?? options.port
  return {
    port,
    url: `http://${printable(options.host)}:${port}`,
    async [Symbol.asyncDispose]() {
      const ended = server.stop(false)
      if (server.pendingRequests > 0) await Promise.race([ended, options.context.clock.sleep(GRACE_MS)])
      await server.stop(true)
    },
  }
}

function listen(app: Hono<ApiEnv>, { host, port, context }: ServeOptions) {
  const local = isLoopback(host)
  try {
    return Bun.serve({
      hostname: host.replace(/^\[(.*)\]$/, '$1'),
      port,
      development: false,
      // Without this, `development: false` lets a second process take the same port and half of the requests.
      reusePort: false,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: MAX_MESSAGE,
      // By itself Bun pings a quiet WebSocket after 104 s; load balancers end it after 60 s.
      websocket: { ...websocket, maxPayloadLength: MAX_MESSAGE, idleTimeout: IDLE_SECONDS, sendPings: true },
      fetch: (request, server) =>
        local && !namesLoopback(request.headers) ? foreignHost() : app.fetch(request, server),
      error(error) {
        context.log.error('http.failed', { error })
        return problemResponse(toProblem(error), 'none')
      },
    })
  } catch (cause) {
    throw cannotListen(cause, { host, port })
  }
}

const foreignHost = (): Response =>
  problemResponse(
    { status: 403, detail: 'This server answers to localhost only; the Host header names another' },
    'none',
  )

function cannotListen(cause: unknown, { host, port }: { host: string; port: number }): StockpipeError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'EADDRINUSE')
    return new StockpipeError('port-in-use', `port ${port} of ${host} is in use`, {
      why: 'another program listens there, perhaps another stockpipe',
      hint: `stop it, or choose another port with --listen ${host}:${port + 1}; port 0 takes any free one`,
      cause,
    })
  return new StockpipeError('config', `cannot listen on ${host}:${port}`, {
    hint: 'choose an address of this machine with --listen, such as 127.0.0.1:8080',
    cause,
  })
}

/** An address that a browser on this machine can open. */
const printable = (host: string): string => {
  if (host === '0.0.0.0' || host === '::' || host === '[::]') return '127.0.0.1'
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
