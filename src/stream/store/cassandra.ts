import { StockpipeError } from '../../errors.ts'
import type { Stamp } from '../stamp.ts'
import type { Query, Restored, RestoreQuery, Rows, TableName, Tables } from '../store.ts'
import type { CataloguedStore } from './catalog.ts'
import { createCatalog } from './cassandra/catalog.ts'
import { Connector } from './cassandra/connector.ts'
import { ContentsLedger } from './cassandra/contents.ts'
import { createDurability } from './cassandra/durability.ts'
import { Gate } from './cassandra/gate.ts'
import { createStamp, storeId } from './cassandra/info.ts'
import type { CassandraOptions } from './cassandra/options.ts'
import { symbolsOf } from './cassandra/parts.ts'
import { readPages } from './cassandra/read.ts'
import { restoreFrom } from './cassandra/restore.ts'
import { readRuns, reviseRows, writeRun } from './cassandra/revise.ts'
import type { Reader } from './cassandra/session.ts'
import { createStatements } from './cassandra/statements.ts'
import { ttlsOf } from './cassandra/table-options.ts'
import { writeRows } from './cassandra/write.ts'
import type { ReprocessRun, RevisableStore, Revised } from './revisions.ts'

export type { CassandraOptions } from './cassandra/options.ts'

/** Requests of all writes under way at once: of those with trades, and of those without, which must not be in their way. */
const IN_FLIGHT = 32
const IN_FLIGHT_BEHIND = 2

export interface CassandraStore extends RevisableStore, CataloguedStore {
  /** Kept in the store itself. */
  stamp: Stamp
}

/**
 * The store on Cassandra. Resolves without waiting for a server: every operation connects, and makes the tables,
 * when that has not been done yet, and throws while it cannot. Throws `config` for a keyspace name that cannot be.
 */
export async function openCassandraStore(options: CassandraOptions): Promise<CassandraStore> {
  if (!/^[A-Za-z]\w{0,47}$/.test(options.keyspace))
    throw new StockpipeError('config', `"${options.keyspace}" cannot be the name of a keyspace`, {
      hint: 'use letters, digits and _, at most 48, a letter first',
    })
  const keyspace = `"${options.keyspace}"`
  const ledger = new ContentsLedger(() => options.clock.now())
  const connector = new Connector(options, () => ledger.forget())
  const run: Connector['run'] = (work) => connector.run(work)
  const reader: Reader = {
    keyspace,
    execute: (query, params, page) => run((session) => session.execute(query, params, page)),
  }
  const statements = createStatements(keyspace, ttlsOf(options.retention, options.clock.now()))
  const gates = { trades: new Gate(IN_FLIGHT), others: new Gate(IN_FLIGHT_BEHIND) }
  return {
    durability: createDurability({ run, onChange: () => ledger.forget(), where: options }),
    write(rows: Rows) {
      const gate = rows.trades.length > 0 ? gates.trades : gates.others
      return run((session) => writeRows(rows, { session, statements, ledger, gate, where: options }))
    },
    restore: (query: RestoreQuery): Promise<Restored> => restoreFrom(reader, query),
    read: <Name extends TableName>(table: Name, query: Query<Tables[Name]>) => readPages(reader, table, query),
    symbols: () => symbolsOf(reader, ['latest', 'trades']),
    id: () => run(storeId),
    // Rows carry their TTL.
    prune: () => Promise.resolve(),
    revise: (rows: Revised, now: number) =>
      run((session) => reviseRows(rows, now, { session, statements, ledger, gate: gates.others, where: options })),
    runs: () => readRuns(reader),
    recordRun: (record: ReprocessRun) => run((session) => writeRun(session, record)),
    catalog: createCatalog(run, options),
    stamp: createStamp(run),
    [Symbol.asyncDispose]: () => connector.close(),
  }
}
