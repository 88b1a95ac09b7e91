import { expect, test } from 'bun:test'

import { openArena } from './arena.ts'
import { dueRecords, loadSymbol, runLoad } from './load.ts'
import { ownTradesTable } from './own-table.ts'
import { runRelay } from './relay.ts'
import { openCassandraRows, settleServers } from './servers.ts'
import { countTrades } from './trades-table.ts'
import { cassandraForTests, kafkaForTests } from '../../test/services/services.ts'
import { systemClock as clock } from '../clock.ts'
import { loadSettings } from '../config.ts'

const kafka = await kafkaForTests()
const cassandra = await cassandraForTests()

const SYMBOLS = 3
const RATE = 500

// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(kafka === null || cassandra === null)(
  'the relay puts every trade into the table, and probes find theirs',
  async () => {
    const name = `bench-test-${crypto.randomUUID().slice(0, 8)}`
    const flags = {
      'kafka-brokers': kafka?.brokers.join(),
      'cassandra-contact-points': cassandra?.contactPoints.join(),
      'cassandra-port': cassandra?.port,
      partitions: 3,
    }
    const given = loadSettings({ command: 'bench', flags, env: {}, cwd: import.meta.dir }).settings
    const settings = await settleServers(given)
    const schema = { ...settings, cassandraKeyspace: `${name}-schema`.replaceAll('-', '_') }
    const createTrades = await ownTradesTable({ settings: schema, open: (own) => openCassandraRows(own, clock) })
    await using arena = await openArena({ settings, name, clock, createTrades })
    const { kafkaTopic: topic, kafkaGroup: group, cassandraKeyspace: keyspace, partitions } = arena.settings
    const stop = new AbortController()
    const from = clock.now()
    const relay = runRelay(
      { kafka: arena.kafka, client: arena.client, topic, group, keyspace, partitions },
      stop.signal,
    )
    try {
      expect(await arena.prober.isThrough(stop.signal)).toBe(true)
      const plan = { topic, partitions, symbols: SYMBOLS, perRecord: 5, rate: RATE, records: 100, span: 0 }
      const sent = await runLoad(arena.kafka, plan, { clock, signal: stop.signal })
      expect(sent).toMatchObject({ records: 100, trades: 500 })
      expect(dueRecords(sent.seconds * 1_000, plan)).toBeGreaterThanOrEqual(100)
      expect(await arena.prober.isThrough(stop.signal)).toBe(true)
      const latency = await arena.prober.latency(await arena.prober.append(0), stop.signal)
      expect(latency).toBeGreaterThan(0)
      const symbols = [...arena.prober.symbols, ...Array.from({ length: SYMBOLS }, (_, index) => loadSymbol(index))]
      const rows = await countTrades(arena.client, keyspace, { symbols, from, to: clock.now() })
      expect(rows).toBe(sent.trades + arena.prober.sent)
    } finally {
      stop.abort()
      await relay
    }
  },
  60_000,
)
