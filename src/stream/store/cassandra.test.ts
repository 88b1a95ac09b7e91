import { Client } from 'cassandra-driver'

import { systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import { testStore } from '../store.contract.ts'
import { type CassandraOptions, openCassandraStore } from './cassandra.ts'

const [host = '127.0.0.1', port = '19042'] = (process.env['STOCKPIPE_TEST_CASSANDRA'] ?? '').split(':')
const keyspace = `t${process.pid}_${Date.now().toString(36)}`
const options: CassandraOptions = {
  contactPoints: [host || '127.0.0.1'],
  port: Number(port),
  datacenter: null,
  keyspace,
  replication: null,
  credentials: null,
  consistency: null,
  tls: null,
  retention: { tradesMs: 7 * 86_400_000, candlesMs: null },
  migrate: true,
  clock: systemClock,
  log: silentLog,
}

testStore('the Cassandra store', async () => {
  const store = await openCassandraStore(options)
  return {
    store,
    reopen: () => openCassandraStore({ ...options, migrate: false }),
    async close() {
      await store[Symbol.asyncDispose]()
      const client = new Client({
        contactPoints: options.contactPoints as string[],
        protocolOptions: { port: options.port },
        localDataCenter: 'datacenter1',
      })
      await client.execute(`DROP KEYSPACE IF EXISTS "${keyspace}"`)
      await client.shutdown()
    },
  }
})
