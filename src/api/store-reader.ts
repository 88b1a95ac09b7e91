import { StockpipeError } from '../errors.ts'
import type { Store } from '../stream/store.ts'
import type { StoreCatalog } from '../stream/store/catalog.ts'

/** What the API needs of the store: it never writes. */
export type StoreReader = Pick<Store, 'read' | 'symbols'>

/** The store, each of its failures turned into `unreachable`: whatever the reason, a reader can only come again. */
export function readerOf(store: StoreReader): StoreReader {
  return {
    async *read(table, query) {
      try {
        yield* store.read(table, query)
      } catch (cause) {
        throw failing(cause)
      }
    },
    async symbols() {
      try {
        return await store.symbols()
      } catch (cause) {
        throw failing(cause)
      }
    },
  }
}

/** The same for what the store tells about itself. */
export const catalogOf = (catalog: StoreCatalog): StoreCatalog => ({
  async survey() {
    try {
      return await catalog.survey()
    } catch (cause) {
      throw failing(cause)
    }
  },
})

const failing = (cause: unknown): StockpipeError =>
  new StockpipeError('unreachable', 'the store cannot be read', { retryable: true, cause })
