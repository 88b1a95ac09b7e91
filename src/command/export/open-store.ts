import { join } from 'node:path'

import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { StockpipeError } from '../../errors.ts'
import { cassandraOptions } from '../../servers.ts'
import type { RevisableStore } from '../../stream/store/revisions.ts'
import { openCassandraStore } from '../../stream/store/cassandra.ts'
import { openEmbeddedStore } from '../../stream/store/embedded.ts'
import { silentLog } from '../../telemetry.ts'
import { folderOf, inOwnFolder } from './folder.ts'

const around = { clock: systemClock, log: silentLog }

const openers = { embedded, cassandra } satisfies Record<
  Settings['store'],
  (settings: Settings) => Promise<RevisableStore>
>

/** To read, beside a pipeline that may be running. Throws where there is nothing to read, and at once: it waits for no server. */
export const openStore = (settings: Settings): Promise<RevisableStore> => openers[settings.store](settings)

function embedded(settings: Settings): Promise<RevisableStore> {
  return openEmbeddedStore({
    path: join(folderOf(settings), 'store.db'),
    ...around,
    retention: { tradesMs: null, candlesMs: null },
    readonly: true,
  })
}

/**
 * To change what is stored. Throws `in-use` for the embedded store of a pipeline that runs; the embedded log is nobody
 * else's meanwhile either.
 */
export async function openStoreToWrite(settings: Settings): Promise<RevisableStore> {
  if (settings.store === 'cassandra' && settings.broker === 'kafka') return cassandra(settings)
  return inOwnFolder(settings, (folder) =>
    settings.store === 'cassandra' ? cassandra(settings) : writable(folder, settings),
  )
}

const writable = (folder: string, { retentionTrades, retentionCandles }: Settings): Promise<RevisableStore> =>
  openEmbeddedStore({
    path: join(folder, 'store.db'),
    ...around,
    retention: { tradesMs: retentionTrades, candlesMs: retentionCandles },
  })

async function cassandra(settings: Settings): Promise<RevisableStore> {
  await using opening = new AsyncDisposableStack()
  const store = opening.use(await openCassandraStore(cassandraOptions(settings, around, { migrate: false })))
  const found = await store.stamp.read()
  if (settings.origin !== null && found !== null && found !== settings.origin)
    throw new StockpipeError(
      'origin',
      `there is no ${settings.origin} data in keyspace ${settings.cassandraKeyspace}`,
      {
        why: `it holds ${found} data`,
        hint: 'name another --cassandra-keyspace, or leave --origin out',
      },
    )
  opening.move()
  return store
}
