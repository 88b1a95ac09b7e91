/** Requests to the API server of one context: who we are, by TLS and by header, and another try of what may pass. */
import type { KubeConfig } from '@kubernetes/client-node'
import { WebSocket } from 'ws'

import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import { proxyOrDirect } from '../../proxy.ts'
import type { Asked } from './asked.ts'
import { type CredentialsOptions, rememberedCredentials } from './credentials.ts'
import { cutShort, graceAfter, orEnded } from './ending.ts'
import { refusal, RetryAfter } from './refusal.ts'
import { opened } from './socket.ts'
import { noConnection } from './unreachable.ts'

interface Asking {
  asked: Asked
  /** With its query. */
  path: string
  /** Of the caller alone: what it ends is thrown as it comes. */
  signal?: AbortSignal
  /** Takes away what would be left behind: goes on for some seconds when everything else is interrupted. */
  isCleanup?: boolean
}

export interface Request extends Asking {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: unknown
  contentType?: string
  /** Of what is read until somebody stops it: no time limit. */
  stream?: boolean
}

export interface SocketRequest extends Asking {
  protocols: string[]
  /** How long it may take to open. */
  timeoutMs?: number
}

export interface Connection {
  readonly config: KubeConfig
  readonly context: string
  readonly server: string
  /** Resolves to an answer that is a yes, and that is there as a whole unless it is a stream. Throws what the cluster said else, in words. */
  readonly send: (request: Request) => Promise<Response>
  /** Resolves to a websocket that is open; one try. Throws as `send` does. */
  readonly openSocket: (request: SocketRequest) => Promise<WebSocket>
}

export interface ConnectionOptions extends CredentialsOptions {
  clock: Pick<Clock, 'now' | 'sleep'>
  /** From 0 to 1. */
  random: () => number
  /** How long one request may take, unless it is a stream. */
  timeoutMs?: number
  /** Ends whatever has no answer yet: it is then told as interrupted. */
  signal?: AbortSignal | undefined
}

const TRIES = 6
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
/** What is still to be taken away after an interruption gets so long, all in all. */
const GRACE_MS = 4_000

export function openConnection(options: ConnectionOptions): Connection {
  const { config, clock, timeoutMs = 30_000 } = options
  const server = config.getCurrentCluster()?.server ?? ''
  const context = config.getCurrentContext()
  const proxy = config.getCurrentCluster()?.proxyUrl ?? proxyOrDirect(server)
  const credentials = rememberedCredentials(options)
  const place = { context, server, config, clock }
  const interruption = options.signal ?? new AbortController().signal
  const grace = graceAfter(interruption, GRACE_MS, clock)

  async function sendOnce(request: Request, end: AbortSignal): Promise<Response> {
    const { asked, path, method = 'GET', body, contentType = 'application/json', stream = false } = request
    const { headers, tls } = await orEnded(credentials.get(), end)
    const answer = await fetch(`${server}${path}`, {
      method,
      headers: {
        ...headers,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(proxy === undefined ? {} : { proxy }),
      signal: stream ? end : AbortSignal.any([end, AbortSignal.timeout(timeoutMs)]),
      tls,
      redirect: 'error',
      timeout: false,
    })
    if (!answer.ok) throw await refusal(answer, { ...place, asked })
    credentials.proved()
    return stream ? answer : new Response(await answer.arrayBuffer())
  }

  async function openOnce(request: SocketRequest, end: AbortSignal): Promise<WebSocket> {
    const { asked, path, protocols, timeoutMs: withinMs = timeoutMs } = request
    const { headers, tls } = await orEnded(credentials.get(), end)
    const { serverName, ...rest } = tls
    const socket = new WebSocket(`${server.replace(/^http/, 'ws')}${path}`, protocols, {
      headers,
      ...rest,
      ...(serverName === undefined ? {} : { servername: serverName }),
      // Bun's own, which its `ws` passes on.
      ...(proxy === undefined ? {} : { proxy }),
    })
    const answer = await opened(socket, AbortSignal.any([end, AbortSignal.timeout(withinMs)]))
    if (answer !== null) throw await refusal(answer, { ...place, asked })
    credentials.proved()
    return socket
  }

  async function patiently<T>(
    { asked, signal, isCleanup = false }: Asking,
    tries: number,
    once: (end: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const common = isCleanup ? grace : interruption
    const end = signal === undefined ? common : AbortSignal.any([common, signal])
    for (let tried = 1; ; tried++) {
      try {
        return await once(end)
      } catch (thrown) {
        if (common.aborted) throw cutShort({ context, asked })
        if (signal?.aborted) throw thrown
        const error = thrown instanceof StockpipeError ? thrown : await noConnection(thrown, { ...place, asked })
        if (error.code === 'auth' && credentials.forget()) continue
        if (!error.retryable || tried >= tries) throw error
        await clock.sleep(pauseBefore(tried, error, options.random), end)
      }
    }
  }

  const send = (request: Request) => patiently(request, TRIES, (end) => sendOnce(request, end))
  const openSocket = (request: SocketRequest) => patiently(request, 1, (end) => openOnce(request, end))
  return { config, context, server, send, openSocket }
}

/** Half of it fixed, half of it by chance, so that many do not come back together; what the server asks for at least. */
function pauseBefore(tried: number, error: StockpipeError, random: () => number): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tried)
  const asked = error.cause instanceof RetryAfter ? error.cause.ms : 0
  return Math.max(Math.min(asked, LONGEST_PAUSE_MS), full / 2) + (random() * full) / 2
}
