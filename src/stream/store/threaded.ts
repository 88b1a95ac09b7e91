import { pathToFileURL } from 'node:url'

import { StockpipeError } from '../../errors.ts'
import type { Query, Restored, RestoreQuery, Rows, Store, TableName, Tables } from '../store.ts'
import type { CataloguedStore, StoreCatalog } from './catalog.ts'
import { type EmbeddedStoreOptions, openEmbeddedStore } from './embedded.ts'
import { packTrades } from './packed-trades.ts'
import type { Answer, Failure, Request } from './worker-protocol.ts'

// Put in by build.ts: where the compiled worker lies, seen from the compiled main module.
declare const STOCKPIPE_STORE_WORKER: string | undefined

const script = (): URL =>
  typeof STOCKPIPE_STORE_WORKER === 'string'
    ? new URL(STOCKPIPE_STORE_WORKER, pathToFileURL(Bun.main))
    : new URL('./worker.ts', import.meta.url)

type Asked = Request extends infer Each ? (Each extends { id: number } ? Omit<Each, 'id'> : never) : never

interface Pending {
  resolve: () => void
  reject: (error: unknown) => void
}

/** The embedded store with a thread of its own for writing; reads go to the same file from here. */
export async function openThreadedStore(options: Omit<EmbeddedStoreOptions, 'readonly'>): Promise<CataloguedStore> {
  const writer = new Writer(options)
  try {
    await writer.ask({ kind: 'open', path: options.path, retention: options.retention })
    return new ThreadedStore(writer, await openEmbeddedStore({ ...options, readonly: true }))
  } catch (error) {
    writer.terminate()
    throw error
  }
}

class ThreadedStore implements CataloguedStore {
  readonly durability = null
  readonly catalog: StoreCatalog
  readonly #writer: Writer
  readonly #reader: Store

  constructor(writer: Writer, reader: CataloguedStore) {
    this.catalog = reader.catalog
    this.#writer = writer
    this.#reader = reader
  }

  write({ trades, ...rows }: Rows): Promise<void> {
    return this.#writer.ask({ kind: 'write', trades: packTrades(trades), rows })
  }

  prune(now: number): Promise<void> {
    return this.#writer.ask({ kind: 'prune', now })
  }

  restore(query: RestoreQuery): Promise<Restored> {
    return this.#reader.restore(query)
  }

  read<Name extends TableName>(table: Name, query: Query<Tables[Name]>): AsyncIterable<readonly Tables[Name][]> {
    return this.#reader.read(table, query)
  }

  id(): Promise<string> {
    return this.#reader.id()
  }

  symbols(): Promise<readonly string[]> {
    return this.#reader.symbols()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]()
    await this.#writer.close()
  }
}

/** The other thread, as a function that answers. */
class Writer {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  #asked = 0
  #ended: StockpipeError | null = null

  constructor({ log }: Pick<EmbeddedStoreOptions, 'log'>) {
    this.#worker = new Worker(script())
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
      if (data.kind === 'log') log[data.level](data.event as never, data.fields)
      else this.#settle(data.id, data.kind === 'failed' ? toError(data.failure) : null)
    })
    this.#worker.addEventListener('error', ({ message }) => {
      this.#end(new StockpipeError('internal', 'the thread that writes the store failed', { why: message }))
    })
  }

  ask(request: Asked): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      const id = ++this.#asked
      this.#pending.set(id, { resolve, reject })
      this.#worker.postMessage({ ...request, id } satisfies Request)
    })
  }

  async close(): Promise<void> {
    if (this.#ended !== null) return
    await this.ask({ kind: 'close' })
    this.terminate()
  }

  terminate(): void {
    this.#end(new StockpipeError('internal', 'the store is closed'))
    this.#worker.terminate()
  }

  #settle(id: number, error: StockpipeError | null): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === null) pending?.resolve()
    else pending?.reject(error)
  }

  #end(reason: StockpipeError): void {
    this.#ended = reason
    for (const id of this.#pending.keys()) this.#settle(id, reason)
  }
}

const toError = ({ code, message, why, hint, retryable }: Failure): StockpipeError =>
  new StockpipeError(code, message, { why, hint, retryable })
