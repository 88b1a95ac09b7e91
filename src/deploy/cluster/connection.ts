/** Requests to the API server of one context: who we are, by TLS and by header, and another try of what may pass. */
import type { KubeConfig } from '@kubernetes/client-node'
import { once } from 'node:events'
import type { RequestOptions } from 'node:https'
import { WebSocket } from 'ws'

import type { Clock } from '../../clock.ts'
import type { Secrets } from '../../secrets.ts'
import { StockpipeError } from '../../errors.ts'
import { proxyOrDirect } from '../../proxy.ts'
import type { Asked } from './asked.ts'
import { refusal, RetryAfter } from './refusal.ts'
import { noConnection, noCredentials } from './unreachable.ts'

export interface Request {
  asked: Asked
  /** With its query. */
  path: string
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: unknown
  contentType?: string
  /** Of what is read until somebody stops it: no time limit. */
  stream?: boolean
  signal?: AbortSignal
}

export interface Connection {
  readonly config: KubeConfig
  readonly context: string
  readonly server: string
  /** Resolves to an answer that is a yes. Throws what the cluster said else, in words. */
  readonly send: (request: Request) => Promise<Response>
  /** Resolves to a websocket that is open. */
  readonly openSocket: (path: string, protocols: string[]) => Promise<WebSocket>
}

export interface ConnectionOptions {
  config: KubeConfig
  clock: Pick<Clock, 'now' | 'sleep'>
  /** From 0 to 1. */
  random: () => number
  /** Told before a program of the kubeconfig runs that may ask the person something. */
  announce: (line: string) => void
  /** Told of our credentials. */
  secrets?: Secrets
  /** How long one request may take, unless it is a stream. */
  timeoutMs?: number
}

const TRIES = 6
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
/** How long what a program of the kubeconfig said is used where it does not say how long it lasts. */
const CREDENTIALS_MS = 60_000

export function openConnection(options: ConnectionOptions): Connection {
  const { config, timeoutMs = 30_000 } = options
  const server = config.getCurrentCluster()?.server ?? ''
  const context = config.getCurrentContext()
  const proxy = config.getCurrentCluster()?.proxyUrl ?? proxyOrDirect(server)
  const credentials = rememberedCredentials(options)
  const place = { context, server, config, clock: options.clock }

  async function sendOnce(request: Request): Promise<Response> {
    const { asked, path, method = 'GET', body, contentType = 'application/json', stream = false, signal } = request
    const { headers, tls } = await credentials.get()
    const patience = stream ? [] : [AbortSignal.timeout(timeoutMs)]
    const signals = [...patience, ...(signal ? [signal] : [])]
    let answer: Response
    try {
      answer = await fetch(`${server}${path}`, {
        method,
        headers: {
          ...headers,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': contentType }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(proxy === undefined ? {} : { proxy }),
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
        tls,
        redirect: 'error',
        timeout: false,
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw await noConnection(error, { ...place, asked })
    }
    if (answer.ok) {
      credentials.proved()
      return answer
    }
    throw await refusal(answer, { ...place, asked })
  }

  async function send(request: Request): Promise<Response> {
    for (let tried = 1; ; tried++) {
      try {
        return await sendOnce(request)
      } catch (error) {
        if (!(error instanceof StockpipeError)) throw error
        if (error.code === 'auth' && credentials.forget()) continue
        if (!error.retryable || tried >= TRIES) throw error
        await options.clock.sleep(pauseBefore(tried, error, options.random), request.signal)
        request.signal?.throwIfAborted()
      }
    }
  }

  async function openSocket(path: string, protocols: string[]): Promise<WebSocket> {
    const { headers, tls } = await credentials.get()
    const { serverName, ...rest } = tls
    const socket = new WebSocket(`${server.replace(/^http/, 'ws')}${path}`, protocols, {
      headers,
      ...rest,
      ...(serverName === undefined ? {} : { servername: serverName }),
      // Bun's own, which its `ws` passes on.
      ...(proxy === undefined ? {} : { proxy }),
    })
    await once(socket, 'open')
    return socket
  }

  return { config, context, server, send, openSocket }
}

/** Half of it fixed, half of it by chance, so that many do not come back together; what the server asks for at least. */
function pauseBefore(tried: number, error: StockpipeError, random: () => number): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tried)
  const asked = error.cause instanceof RetryAfter ? error.cause.ms : 0
  return Math.max(Math.min(asked, LONGEST_PAUSE_MS), full / 2) + (random() * full) / 2
}

export interface Credentials {
  headers: Record<string, string>
  tls: { ca?: string; cert?: string; key?: string; serverName?: string; rejectUnauthorized?: boolean }
}

/** Asked of the kubeconfig once, and again when they are old or were refused. */
function rememberedCredentials(options: ConnectionOptions) {
  const { clock } = options
  let isFirst = true
  let known: { credentials: Promise<Credentials>; at: number; isProved: boolean } | null = null
  return {
    get(): Promise<Credentials> {
      if (known === null || clock.now() - known.at > CREDENTIALS_MS) {
        known = { credentials: credentialsOf(options, isFirst), at: clock.now(), isProved: false }
        known.credentials.catch(() => (known = null))
        isFirst = false
      }
      return known.credentials
    },
    proved() {
      if (known) known.isProved = true
    },
    /** After a refusal: whether they were good once, so that new ones are worth a try. */
    forget(): boolean {
      const wasGood = known?.isProved ?? false
      known = null
      return wasGood
    },
  }
}

async function credentialsOf({ config, announce, secrets }: ConnectionOptions, isFirst: boolean): Promise<Credentials> {
  const command: unknown = config.getCurrentUser()?.exec?.command
  if (isFirst && typeof command === 'string')
    announce(`running ${command} for credentials of ${config.getCurrentContext()}`)
  const found: RequestOptions = {}
  try {
    await config.applyToHTTPSOptions(found)
  } catch (error) {
    throw noCredentials(error, config)
  }
  const { ca, cert, key, servername, rejectUnauthorized, headers, auth } = found
  secrets?.add(auth, auth?.split(':').slice(1).join(':'), bearerOf(headers))
  return {
    headers: {
      ...(headers as Record<string, string> | undefined),
      ...(auth ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}),
    },
    tls: {
      ...(ca ? { ca: String(ca) } : {}),
      ...(cert ? { cert: String(cert) } : {}),
      ...(key ? { key: (key as Buffer).toString() } : {}),
      ...(servername ? { serverName: servername } : {}),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    },
  }
}

function bearerOf(headers: unknown): string | undefined {
  const { Authorization: value } = (headers ?? {}) as { Authorization?: unknown }
  return typeof value === 'string' ? value.replace(/^Bearer /, '') : undefined
}
