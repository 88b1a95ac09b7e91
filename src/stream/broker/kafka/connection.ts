import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'

import './codecs.ts'
import { Cluster, createLogger, LEVELS } from './internals.ts'

import { isConnectionTrouble, noBrokers, toStockpipeError } from './failure.ts'
import type { ClusterOptions, Sasl, SocketTarget } from './protocol.ts'
import type { Log } from '../../../telemetry.ts'

export interface ConnectionSettings {
  brokers: readonly string[]
  tls: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'> | null
  sasl: Sasl | null
  log: Log
}

const CONNECT_MS = 3_000
const REQUEST_MS = 10_000
const METADATA_MS = 60_000
const KEEP_ALIVE_MS = 30_000
const READ_COMMITTED = 1
const GIVEN_UP = 'the connection was given up'

/** Ours to repeat: kafkajs, left alone, would go on for ten seconds before it says that nobody is there. */
const ONCE = { retries: 0, initialRetryTime: 50, maxRetryTime: 50, factor: 0, multiplier: 1 }

/** What a cluster opened; once it is given up it opens nothing more, whoever still holds it. */
interface Sockets {
  open: Set<Socket>
  isGivenUp: boolean
}

interface Open {
  cluster: Cluster
  sockets: Sockets
  /** Resolves when connected, and when the leaders of the topics are known. */
  ready: Promise<void>
}

/**
 * Connections to a cluster for one purpose, made on demand and made anew after trouble: a topic that vanished or a
 * broker that hangs must not hold up what has nothing to do with it.
 */
export class Connection implements AsyncDisposable {
  readonly #settings: ConnectionSettings
  readonly #topics: readonly string[]
  #open: Open | null = null
  /** Which of the brokers in the list is asked first: not one that did not answer. */
  #first = 0
  #isClosed = false

  /** `topics`: whose leaders are to be known. */
  constructor(settings: ConnectionSettings, topics: readonly string[] = []) {
    this.#settings = settings
    this.#topics = topics
  }

  /** Does `work` on a connected cluster. Throws `StockpipeError`s, `doing` says what could not be done. */
  async use<Result>(doing: string, work: (cluster: Cluster) => Promise<Result>): Promise<Result> {
    try {
      return await this.raw(work)
    } catch (error) {
      throw toStockpipeError(error, doing)
    }
  }

  /** The same, but errors are those of kafkajs. */
  async raw<Result>(work: (cluster: Cluster) => Promise<Result>): Promise<Result> {
    const open = this.#connect()
    try {
      await open.ready
      return await work(open.cluster)
    } catch (error) {
      if (isConnectionTrouble(error)) this.#drop(open)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    if (this.#open !== null) this.#drop(this.#open)
  }

  #connect(): Open {
    if (this.#isClosed) throw new Error('the log is closed')
    if (this.#open !== null) return this.#open
    const sockets: Sockets = { open: new Set(), isGivenUp: false }
    const cluster = new Cluster(clusterOptions(this.#settings, this.#seeds(), sockets))
    const open = { cluster, sockets, ready: this.#prepare(cluster) }
    this.#open = open
    open.ready.catch(() => this.#drop(open))
    return open
  }

  async #prepare(cluster: Cluster): Promise<void> {
    await this.#reachAny(cluster)
    if (this.#topics.length > 0) await cluster.addMultipleTargetTopics([...this.#topics])
    else await cluster.refreshMetadata()
    if (cluster.getNodeIds().length === 0) throw noBrokers()
  }

  /** Every broker of the list gets its turn: kafkajs goes on to the next after each that it could not reach. */
  async #reachAny(cluster: Cluster): Promise<void> {
    for (let left = this.#settings.brokers.length; ; left--)
      try {
        return await cluster.connect()
      } catch (error) {
        if (!isConnectionTrouble(error)) throw error
        this.#first++
        if (left <= 1) throw error
      }
  }

  #seeds(): string[] {
    const { brokers } = this.#settings
    const first = this.#first % Math.max(1, brokers.length)
    return [...brokers.slice(first), ...brokers.slice(0, first)]
  }

  /** Requests under way fail at once. */
  #drop(open: Open): void {
    if (this.#open === open) this.#open = null
    open.sockets.isGivenUp = true
    for (const socket of open.sockets.open) socket.destroy(new Error(GIVEN_UP))
    open.sockets.open.clear()
    open.cluster.disconnect().catch(() => {})
  }
}

function clusterOptions(
  { tls, sasl, log }: ConnectionSettings,
  brokers: readonly string[],
  sockets: Sockets,
): ClusterOptions {
  const logCreator =
    () =>
    ({ log: { message, broker } }: { log: { message: string; broker?: string } }) =>
      log.debug('kafka.client', { message, broker })
  return {
    logger: createLogger({ level: LEVELS.WARN, logCreator }),
    brokers,
    ssl: tls === null ? null : { ...tls },
    // A copy each: kafkajs keeps its state in it.
    sasl: sasl === null ? null : { ...sasl },
    clientId: 'stockpipe',
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    enforceRequestTimeout: true,
    metadataMaxAge: METADATA_MS,
    retry: ONCE,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: READ_COMMITTED,
    offsets: new Map(),
    socketFactory: (target) => openSocket(target, sockets),
  }
}

function openSocket({ host, port, ssl, onConnect }: SocketTarget, sockets: Sockets): Socket {
  if (sockets.isGivenUp) throw new Error(GIVEN_UP)
  const socket: Socket =
    ssl === null
      ? connectPlain({ host, port }, onConnect)
      : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.setNoDelay(true)
  sockets.open.add(socket)
  socket.once('close', () => sockets.open.delete(socket))
  return socket
}
