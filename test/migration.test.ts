/**
 * docs/migration.md, from its first command to its last, on real servers: a topic and a keyspace as the pipeline of Python
 * and Spark leaves them. The tests are one story: each goes on where the one before it ended.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'

import { temporaryFolder } from './binary.ts'
import { canary } from './canary.ts'
import { blocksOf } from './manual/blocks.ts'
import { runBlock, type Scene, type StartedBlock, startBlock } from './manual/scene.ts'
import { type Market, openMarket, serversForTests } from './market.ts'
import { openPython } from './python.ts'
import { makeTopic } from './services/topic.ts'
import { readiness, running, until } from './running.ts'
import { systemClock } from '../src/clock.ts'
import { startSimulator } from '../src/ingest/simulator/simulator.ts'
import { encodeValue } from '../src/stream/codec.ts'
import { silentLog } from '../src/telemetry.ts'
import type { Entry } from '../src/trade.ts'

setDefaultTimeout(90_000)

const servers = await serversForTests()
const python = await openPython()
const blocks = await blocksOf('docs/migration.md')
const [readAlong, compare, changeProducer, dropOlder] = blocks.filter(({ language }) => language === 'sh')
const average = blocks.find(({ language }) => language === 'sql')
const T = Date.now() - 3_600_000

/** Its columns and keys: what Cassandra is asked when the older pipeline is set up. */
const OLDER_TABLES = [
  `CREATE TABLE $.trades (uuid uuid, trade_conditions text, price double, symbol text, trade_timestamp timestamp,
    ingest_timestamp timestamp, volume double, type text, PRIMARY KEY ((symbol), trade_timestamp))`,
  `CREATE TABLE $.running_averages_15_sec (uuid uuid, symbol text, price_volume_multiply double,
    ingest_timestamp timestamp, PRIMARY KEY ((uuid), ingest_timestamp))`,
]

const entry = (s: string, t: number, p: number): Entry => ({ s, t: T + t, p, v: 10, c: ['1'] })
/** Whole messages, several symbols in one; two trades of the same ms, and one that came twice. */
const MESSAGES: readonly Entry[][] = [
  [entry('AAPL', 0, 100), entry('MSFT', 1, 300), entry('AAPL', 0, 101)],
  [entry('AAPL', 4_000, 102), entry('AAPL', 4_000, 102)],
  ...Array.from({ length: 30 }, (_, index) => [entry('MSFT', 20_000 + 1_000 * index, 300 + index)]),
]
const OLDER_TRADES = MESSAGES.flat().length

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(servers === null)('from the pipeline of Python and Spark', () => {
  const folder = temporaryFolder()
  let market: Market
  let scene: Scene
  let side: StartedBlock | null = null

  beforeAll(async () => {
    if (servers === null) throw new Error('skipped without servers')
    market = openMarket(servers)
    const [address = ''] = servers.kafka.brokers
    const [host = '', port = ''] = address.split(':')
    scene = {
      folder: folder.path,
      env: {
        STOCKPIPE_CASSANDRA_PORT: String(servers.cassandra.port),
        STOCKPIPE_KAFKA_TOPIC: market.name,
        STOCKPIPE_KAFKA_GROUP: market.name,
        STOCKPIPE_STORE_DURABILITY_LAG: '0s',
      },
      names: {
        'KAFKA_SERVER=kafka KAFKA_PORT=9092': `KAFKA_SERVER=${host} KAFKA_PORT=${port}`,
        'KAFKA_TOPIC_NAME=market': `KAFKA_TOPIC_NAME=${market.name}`,
        'kafka:9092': address,
        'CASSANDRA_HOST=cassandra': 'CASSANDRA_HOST=127.0.0.1',
        'contact-points cassandra': 'contact-points 127.0.0.1',
        'KEYSPACE=stockpipe': `KEYSPACE=${market.name}`,
        'keyspace stockpipe': `keyspace ${market.name}`,
      },
    }
    await market.query(
      `CREATE KEYSPACE ${market.name} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    )
    for (const table of OLDER_TABLES) await market.query(table.replace('$', market.name))
    await market.query(
      `INSERT INTO ${market.name}.trades (symbol, trade_timestamp, price, volume) VALUES ('AAPL', ${T}, 101, 10)`,
    )
    const kafka = new Kafka({ clientId: 'older', brokers: [...servers.kafka.brokers], logLevel: logLevel.NOTHING })
    const [admin, producer] = [kafka.admin(), kafka.producer()]
    await admin.connect()
    await makeTopic(admin, { topic: market.name, numPartitions: 1 })
    await producer.connect()
    const values = MESSAGES.map((entries) => ({ value: Buffer.from(encodeValue(entries, 'raw')) }))
    await producer.send({ topic: market.name, messages: values })
    await Promise.all([producer.disconnect(), admin.disconnect()])
  })
  afterAll(async () => {
    await side?.stop()
    await market?.[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  /** As the page says, where there is a Python to do it. */
  async function dropByCqlsh(executable: string): Promise<void> {
    if (dropOlder === undefined || servers === null) throw new Error('the page has no such block')
    writeFileSync(join(folder.path, 'cqlsh'), `#!/bin/sh\nexec '${executable}' -m cqlshlib "$@"\n`, { mode: 0o755 })
    await runBlock(dropOlder, {
      folder: folder.path,
      env: { PATH: `${folder.path}:${process.env['PATH']}`, CQLSH_PORT: String(servers.cassandra.port) },
      names: { 'cqlsh cassandra': 'cqlsh 127.0.0.1', 'market.': `${market.name}.` },
    })
    const lines = (await Bun.file(join(folder.path, 'older-trades.csv')).text()).trim().split('\n')
    expect(lines).toEqual([expect.stringContaining('trade_timestamp'), expect.stringContaining('AAPL')])
  }

  const trades = () => market.query('SELECT symbol, trade_ts, price, received_ts, flags FROM trades')

  test('tables of the older pipeline are named and left alone; once they are dropped, the topic fills new ones', async () => {
    const where = [...market.log, ...market.store, '--store-durability-lag', '0s']
    const role = ['--role', 'processor', '--partitions', '1', '--listen', '127.0.0.1:0']
    await using processor = running(['run', ...role, ...where])
    const url = await processor.url()
    const { text } = await until(
      () => readiness(url),
      ({ text }) => text.includes('another program'),
    )
    expect(text).toContain(String.raw`keyspace \"${market.name}\" holds a table \"trades\" of another program`)
    expect(await market.query('SELECT price FROM trades')).toEqual([{ price: 101 }])
    if (python === null)
      for (const table of ['trades', 'running_averages_15_sec'])
        await market.query(`DROP TABLE ${market.name}.${table}`)
    else await dropByCqlsh(python.executable)

    const rows = await until(
      () => trades().catch(() => []),
      ({ length }) => length >= OLDER_TRADES,
    )
    const sorted = (all: readonly (readonly unknown[])[]) => all.map((one) => JSON.stringify(one)).sort()
    expect(sorted(rows.map((row) => [row['symbol'], row['trade_ts'], row['price']]))).toEqual(
      sorted(MESSAGES.flat().map(({ s, t, p }) => [s, t, p])),
    )
    expect(new Set(rows.map((row) => row['received_ts']))).toEqual(new Set([null]))
    expect(processor.named('processor.misplaced')).toEqual([])
    expect(await processor.stop()).toBe(0)
  })

  test('processor and api run on the topic that the older producer fills', async () => {
    if (readAlong === undefined) throw new Error('the page has no such block')
    side = await startBlock(readAlong, scene)
  })

  test('verify finds nothing that differs, and the rows can be taken out', async () => {
    if (compare === undefined) throw new Error('the page has no such block')
    const shown = await runBlock(compare, scene)
    expect(shown).toContain(`${OLDER_TRADES} trades compared: all as they should be`)
    expect(shown).toContain('no differences')
    expect((await Bun.file(join(folder.path, 'trades.csv')).text()).trim().split('\n')).toHaveLength(OLDER_TRADES + 1)
  })

  test('the new producer goes on in the same topic, which then is live data', async () => {
    if (changeProducer === undefined || compare === undefined) throw new Error('the page has no such block')
    writeFileSync(join(folder.path, 'token.txt'), `${canary('finnhub')}\n`)
    const around = { clock: systemClock, log: silentLog }
    await using simulator = await startSimulator({ port: 0, rate: 200 }, around)
    const producer = await startBlock(changeProducer, {
      ...scene,
      env: { ...scene.env, STOCKPIPE_FINNHUB_URL: simulator.url },
    })
    await until(trades, (rows) => rows.some((row) => row['symbol'] === 'BINANCE:BTCUSDT'))
    const today = new Date().toISOString().slice(0, 10)
    const averages = () => market.query((average?.text ?? '').replace(/\d{4}-\d\d-\d\d/, today))
    const [row] = await until(averages, ({ length }) => length > 0)
    expect(row).toMatchObject({ mean_notional: expect.any(Number) })
    await producer.stop()
    expect(await runBlock(compare, scene)).toContain('no differences')
    expect(await market.query(`SELECT value FROM store_info WHERE key = 'origin'`)).toEqual([{ value: 'live' }])
  })
})
