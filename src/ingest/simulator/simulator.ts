import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

import { StockpipeError } from '../../errors.ts'
import type { Context } from '../../telemetry.ts'
import { Connection } from './connection.ts'
import type { SimulatorOptions } from './options.ts'
import { simulatorOptions } from './options.ts'
import { answerRest } from './rest.ts'
import type { RestAnswer } from './rest.ts'
import type { ServerSocket, Upgrade } from './server-socket.ts'
import { acceptUpgrade, refuseUpgrade } from './server-socket.ts'
import { openTruth } from './truth.ts'
import type { Truth } from './truth.ts'

/** A server that speaks Finnhub's protocol: the websocket at any path, REST under `/api/v1/`. */
export interface Simulator extends AsyncDisposable {
  /** Without a path: `ws://127.0.0.1:41234`. */
  readonly url: string
  readonly port: number
  /** Connections open now. */
  readonly clients: number
}

export type SimulatorContext = Pick<Context, 'clock' | 'log'>

/**
 * Starts it; what trades, when and at which price depends on the seed and the clock alone, so that two simulators
 * at the same moment send the same trades. Throws `config` for a bad option, `port-in-use` for a taken port.
 */
export async function startSimulator(given: Partial<SimulatorOptions>, context: SimulatorContext): Promise<Simulator> {
  const options = simulatorOptions(given)
  const truth = openTruth(options.truthFile, context.log)
  const running = new RunningSimulator(options, context, truth)
  try {
    await running.listen()
  } catch (cause) {
    truth.close()
    throw cause
  }
  return running
}

class RunningSimulator implements Simulator {
  readonly #options: SimulatorOptions
  readonly #context: SimulatorContext
  readonly #truth: Truth
  readonly #server: Server
  readonly #stop = new AbortController()
  readonly #open = new Map<ServerSocket, Promise<void>>()
  #connections = 0
  #rejected = 0
  port = 0

  constructor(options: SimulatorOptions, context: SimulatorContext, truth: Truth) {
    this.#options = options
    this.#context = context
    this.#truth = truth
    this.#server = createServer((request, response) => this.#rest(request, response))
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade({ request, socket, head }))
  }

  get url(): string {
    const { host } = this.#options
    return `ws://${host.includes(':') ? `[${host}]` : host}:${this.port}`
  }

  get clients(): number {
    return [...this.#open.keys()].filter((socket) => !socket.closed).length
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => reject(cannotListen(`${host}:${port}`, cause)))
      this.#server.listen(port, host, resolve)
    })
    const address = this.#server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const socket of this.#open.keys()) socket.destroy()
    await Promise.all(this.#open.values())
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    this.#truth.close()
  }

  #now(): number {
    return this.#context.clock.now() + this.#options.clockOffsetMs
  }

  #upgrade(upgrade: Upgrade): void {
    const { reject } = this.#options
    const url = isWebsocket(upgrade.request) ? urlOf(upgrade.request) : null
    if (url === null) return refuseUpgrade(upgrade.socket, 400)
    if (reject !== null && this.#rejected < this.#options.rejectTimes) {
      this.#rejected++
      return refuseUpgrade(upgrade.socket, reject, this.#refusal(reject))
    }
    if (this.#options.oneConnection) for (const socket of this.#open.keys()) socket.close(1000, '')
    this.#accept(upgrade, sinceOf(url))
  }

  #refusal(status: number): Record<string, string> {
    const date = { Date: new Date(this.#now()).toUTCString() }
    return status === 429 ? { ...date, 'Retry-After': String(this.#options.retryAfter) } : date
  }

  #accept(upgrade: Upgrade, since: number | null): void {
    const conn = this.#connections++
    const { clock, log } = this.#context
    const socket = acceptUpgrade(upgrade, this.#now())
    const connection = new Connection(socket, { options: this.#options, clock, log, truth: this.#truth, conn, since })
    socket.listen((text) => connection.receive(text))
    log.debug('simulator.open', { conn })
    const served = connection
      .serve(this.#stop.signal)
      .catch((error: unknown) => log.error('simulator.failed', { conn, error }))
      .finally(() => {
        socket.destroy()
        this.#open.delete(socket)
        log.debug('simulator.close', { conn })
      })
    this.#open.set(socket, served)
  }

  #rest(request: IncomingMessage, response: ServerResponse): void {
    const { reject } = this.#options
    const answer = reject
      ? { status: reject, body: { error: reject === 429 ? 'API limit reached.' : 'Invalid API key' } }
      : this.#answer(urlOf(request))
    const headers = { 'Content-Type': 'application/json', ...(reject ? this.#refusal(reject) : {}) }
    response.writeHead(answer.status, headers)
    response.end(JSON.stringify(answer.body))
  }

  #answer(url: URL | null): RestAnswer {
    if (url === null) return { status: 400, body: { error: 'not an address' } }
    return answerRest(url, this.#now(), this.#options)
  }
}

/** Null when a client asks for something like `//`. */
function urlOf({ url = '/' }: IncomingMessage): URL | null {
  const base = 'http://simulator'
  return URL.canParse(url, base) ? new URL(url, base) : null
}

const isWebsocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-key'] !== undefined

function sinceOf(url: URL): number | null {
  const since = url.searchParams.get('since')
  const time = since === null ? Number.NaN : Number(since)
  return Number.isFinite(time) ? time : null
}

const cannotListen = (address: string, cause: Error): StockpipeError =>
  'code' in cause && cause.code === 'EADDRINUSE'
    ? new StockpipeError('port-in-use', `${address} is in use`, { cause, hint: 'choose another port, or 0 for any' })
    : new StockpipeError('config', `the simulator cannot listen on ${address}`, { cause })
