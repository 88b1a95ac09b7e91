import { join } from 'node:path'

import type { Settings } from '../config.ts'
import { printDuration } from '../config/measure.ts'
import type { Broker } from '../stream/broker.ts'
import type { Stamp } from '../stream/stamp.ts'
import type { CataloguedStore } from '../stream/store/catalog.ts'
import type { Context } from '../telemetry.ts'

export interface OpenedStore {
  store: CataloguedStore
  /** Null where the data folder carries it. */
  stamp: Stamp | null
}

interface Around {
  context: Context
  folder: string
  broker: Broker
}

const stores = { embedded, cassandra } satisfies Record<Settings['store'], Opener>
type Opener = (settings: Settings, around: Around) => Promise<OpenedStore>

/** Cassandra is not waited for: whoever uses the store waits. */
export const openRowStore: Opener = (settings, around) => stores[settings.store](settings, around)

async function embedded(settings: Settings, { context, folder, broker }: Around): Promise<OpenedStore> {
  const [{ settleStore }, { openThreadedStore }] = await Promise.all([
    import('../stream/store/settings.ts'),
    import('../stream/store/threaded.ts'),
  ])
  const { clock, log } = context
  const path = join(folder, 'store.db')
  // The log on Kafka may be away just now; whether it is whole only matters to a store made by other settings.
  const isLogWhole = settings.broker === 'kafka' || (await isWhole(broker, settings.kafkaTopic))
  settleStore({ path, clock, log, settings: windowWords(settings), isLogWhole })
  const retention = { tradesMs: settings.retentionTrades, candlesMs: settings.retentionCandles }
  return { store: await openThreadedStore({ path, clock, log, retention }), stamp: null }
}

/** Only a processor makes tables: the api may have the right to read and no other. */
async function cassandra(settings: Settings, { context }: Around): Promise<OpenedStore> {
  const [{ cassandraOptions }, { openCassandraStore }] = await Promise.all([
    import('../servers.ts'),
    import('../stream/store/cassandra.ts'),
  ])
  const migrate = settings.role.includes('processor')
  const store = await openCassandraStore(cassandraOptions(settings, context, { migrate }))
  return { store, stamp: store.stamp }
}

const isWhole = async (broker: Broker, topic: string): Promise<boolean> =>
  (await broker.bounds(topic)).every(({ start }) => start === 0)

/** What decides which windows there are and what is in them. */
export const windowWords = ({ window, hop, delay, futureLimit }: Settings): string =>
  Object.entries({ window, hop, delay, 'future-limit': futureLimit })
    .map(([name, ms]) => `--${name} ${printDuration(ms)}`)
    .join(' ')
