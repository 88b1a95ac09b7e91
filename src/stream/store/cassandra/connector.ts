import type { Client } from 'cassandra-driver'

import { StockpipeError } from '../../../errors.ts'
import { createClient } from './client.ts'
import { SchemaChanges } from './ddl.ts'
import { isUnprepared, missing, toStockpipeError } from './errors.ts'
import { readInfo, storeId } from './info.ts'
import { openKeyspace } from './keyspace.ts'
import { migrate } from './migrate.ts'
import type { CassandraOptions } from './options.ts'
import { Session } from './session.ts'

/** Nothing has worked for so long: a new client looks up names, nodes and passwords anew, and hears the reason. */
const RETIRE_MS = 10_000
const SHUTDOWN_MS = 3_000

/** Connects when it is first needed, and again when nothing works any more. Every error is a StockpipeError. */
export class Connector {
  readonly #options: CassandraOptions
  readonly #onTrouble: () => void
  #current: Promise<Session> | null = null
  #workedAt: number
  /** Of the store that was there first. */
  #id: string | null = null
  #isClosed = false

  /** `onTrouble` is called when a node went away or came back: it may have lost what it had acknowledged. */
  constructor(options: CassandraOptions, onTrouble: () => void) {
    this.#options = options
    this.#onTrouble = onTrouble
    this.#workedAt = options.clock.now()
  }

  async run<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    const session = await this.#session()
    try {
      const result = await work(session)
      this.#workedAt = this.#options.clock.now()
      return result
    } catch (error) {
      const wrapped = toStockpipeError(error, this.#options)
      const isDead = this.#options.clock.now() - this.#workedAt >= RETIRE_MS
      if (wrapped.retryable && (isDead || isUnprepared(wrapped.cause))) await this.#retire(session)
      throw wrapped
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const session = await this.#current?.catch(() => null)
    if (session) await this.#shutDown(session.client)
  }

  async #session(): Promise<Session> {
    if (this.#isClosed) throw new StockpipeError('internal', 'the store is closed')
    const attempt = (this.#current ??= this.#connect())
    try {
      return await attempt
    } catch (error) {
      if (this.#current === attempt) this.#current = null
      throw error
    }
  }

  async #connect(): Promise<Session> {
    const client = createClient(this.#options)
    try {
      await client.connect()
      const session = await this.#prepare(client)
      for (const event of ['hostDown', 'hostUp']) client.on(event, this.#onTrouble)
      this.#onTrouble()
      this.#workedAt = this.#options.clock.now()
      return session
    } catch (error) {
      await this.#shutDown(client)
      throw toStockpipeError(error, this.#options)
    }
  }

  async #prepare(client: Client): Promise<Session> {
    const changes = new SchemaChanges(client, this.#options)
    // Tables that vanish under a running pipeline are not made again: what was written is not in them.
    const options = { ...this.#options, migrate: this.#options.migrate && this.#id === null }
    const session = new Session(client, options.keyspace, await openKeyspace(client, changes, options))
    await migrate({ session, changes, options })
    const id = await (options.migrate ? storeId(session) : knownId(session, options))
    if (this.#id !== null && this.#id !== id)
      throw new StockpipeError('schema', `keyspace "${options.keyspace}" was replaced while stockpipe was running`, {
        why: 'the store has another id than before',
        hint: 'start stockpipe again: it then fills the new store from the log',
        mendable: true,
      })
    this.#id = id
    return session
  }

  async #retire(session: Session): Promise<void> {
    const current = await this.#current?.catch(() => null)
    if (current !== session) return
    this.#current = null
    this.#options.log.debug('cassandra.reconnecting')
    await this.#shutDown(session.client)
  }

  /** Bounded: a server that hangs must not hold us. */
  async #shutDown(client: Client): Promise<void> {
    const done = new AbortController()
    const shutdown = client
      .shutdown()
      .catch((error: unknown) => this.#options.log.debug('cassandra.shutdown', { error }))
      .finally(() => done.abort())
    await Promise.race([shutdown, this.#options.clock.sleep(SHUTDOWN_MS, done.signal)])
  }
}

/** Who only reads may have no right to set it. */
async function knownId(session: Session, options: CassandraOptions): Promise<string> {
  const id = await readInfo(session, 'id')
  if (id === null) throw missing('they are still being made', options)
  return id
}
