/** What is mended in the driver (patches/). */
import { expect, test } from 'bun:test'
import { Client } from 'cassandra-driver'

import { cassandraForTests } from '../../../test/services/services.ts'

/** Inside of the driver: the connection by which it hears of nodes. */
interface Inside {
  controlConnection: {
    host: { listenerCount(event: string): number }
    _refresh(): Promise<void>
  }
}

const cassandra = await cassandraForTests()

// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(cassandra === null)(
  'a driver that is told twice to find its nodes anew does so once, and fails on nothing',
  async () => {
    const { contactPoints, port, datacenter } = cassandra as NonNullable<typeof cassandra>
    const client = new Client({
      contactPoints: [...contactPoints],
      protocolOptions: { port },
      localDataCenter: datacenter,
    })
    try {
      await client.connect()
      const { controlConnection } = client as unknown as Inside
      const before = controlConnection.host.listenerCount('down')
      await Promise.all([controlConnection._refresh(), controlConnection._refresh(), controlConnection._refresh()])
      expect(controlConnection.host.listenerCount('down')).toBe(before + 1)
      expect((await client.execute('SELECT key FROM system.local')).rows.length).toBe(1)
    } finally {
      await client.shutdown()
    }
  },
)
