/** The backups of docs/operations.md, taken and put back. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { exported, fixture, replayArgs, type Row, stockpipe, temporaryFolder } from './binary.ts'
import { blocksOf } from './manual/blocks.ts'
import { runBlock, type Scene, startBlock } from './manual/scene.ts'
import { serverNames } from './manual/scenes.ts'
import { type Market, openMarket, type ServerAddresses, serversForTests, sorted } from './market.ts'
import { type Running, running, until } from './running.ts'
import { startCassandra } from './services/cassandra.ts'

setDefaultTimeout(90_000)

const servers = await serversForTests()
const [copy, restore, readAgain, snapshot, putBack] = (await blocksOf('docs/operations.md')).filter(({ mark }) =>
  mark.includes('backup'),
)
if (copy === undefined || restore === undefined || readAgain === undefined || !snapshot || !putBack)
  throw new Error('the page has other blocks')
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

async function windowsOf(run: Running): Promise<number> {
  const answer = await fetch(`${await run.url()}/v1/windows?symbol=BINANCE:BTCUSDT`)
  return ((await answer.json()) as { data: unknown[] }).data.length
}

/** The page's processor with a group that has committed nothing. */
const readingAgain = ({ name }: Market, { kafka, cassandra }: ServerAddresses) =>
  startBlock(readAgain, {
    folder: folder.path,
    env: {
      STOCKPIPE_KAFKA_TOPIC: name,
      STOCKPIPE_CASSANDRA_KEYSPACE: name,
      STOCKPIPE_CASSANDRA_PORT: String(cassandra.port),
      STOCKPIPE_STORE_DURABILITY_LAG: '0s',
      STOCKPIPE_PARTITIONS: '1',
      STOCKPIPE_IDLE: '1s',
    },
    names: { ...serverNames({ kafka, cassandra }), 'stockpipe-2': `${name}2` },
  })

const tablesOf = ({ exported }: Market) => Promise.all(['trades', 'candles', 'windows'].map((table) => exported(table)))

const idOf = (row: Row): string => `${row['log_partition']}:${row['log_offset']}:${row['log_index']}`

test('a backup of a running pipeline goes on where it was, when it is put back for a folder that is broken', async () => {
  const scene: Scene = { folder: folder.path }
  // The simulated market begins with half an hour that it sends at once: the backup is taken in the midst of it.
  await using run = running(['run', '--data-dir', join(folder.path, 'stockpipe-data'), '--listen', '127.0.0.1:0'])
  await until(
    () => windowsOf(run),
    (windows) => windows >= 20,
  )
  expect(await runBlock(copy, scene)).toContain('no differences')
  const before = await exported('trades', join(folder.path, 'backup'))
  expect(before.length).toBeGreaterThan(100)
  run.child.kill('SIGKILL')
  await run.child.exited
  writeFileSync(join(folder.path, 'stockpipe-data', 'simulated', 'log.db'), 'not a database')

  await using restored = await startBlock(restore, scene)
  const now = () => exported('trades', join(folder.path, 'stockpipe-data'))
  const ids = new Set(before.map(idOf))
  // The simulated market sends again what was missed.
  const rows = await until(now, (found) => found.length > before.length + 20)
  expect(rows.filter((row) => ids.has(idOf(row)))).toHaveLength(before.length)
  await restored.stop()
  const verified = await stockpipe(['verify', '--data-dir', join(folder.path, 'stockpipe-data')])
  expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('no differences')])
})

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(servers === null)('on Kafka and Cassandra', () => {
  test('rows that Cassandra lost come back from the log, by a group that has committed nothing', async () => {
    if (servers === null) return
    await using market = openMarket(servers)
    const data = join(folder.path, 'remote')
    const where = [...market.log, ...market.store, '--store-durability-lag', '0s', '--partitions', '1']
    const replayed = await stockpipe(replayArgs(fixture('finnhub-session.ndjson'), data, ...where))
    expect(replayed).toMatchObject({ code: 0 })
    const all = () => tablesOf(market)
    const bare = (tables: Row[][]) => tables.map((rows) => sorted(rows.map((row) => ({ ...row, ingested_ts: 0 }))))
    const before = await all()
    for (const table of ['trades', 'running_averages_15_sec', 'candles', 'latest'])
      await market.query(`TRUNCATE ${market.name}.${table}`)
    expect((await all()).flat()).toEqual([])

    await using _ = await readingAgain(market, servers)
    const after = await until(all, (tables) => Bun.deepEquals(bare(tables), bare(before)))
    expect(after.flat().length).toBeGreaterThan(40)
  })

  test('a snapshot of Cassandra brings its rows back, and the log those that came after it', async () => {
    if (servers === null) return
    await using cassandra = await startCassandra({ commitlogSync: 'group', isManaged: true })
    await using market = openMarket({ kafka: servers.kafka, cassandra })
    const where = [...market.log, ...market.store, '--store-durability-lag', '0s', '--partitions', '1']
    const replay = async (file: string) => {
      const args = replayArgs(file, join(folder.path, 'snapshot'), ...where)
      expect(await stockpipe(args)).toMatchObject({ code: 0 })
    }
    const all = () => tablesOf(market)
    await replay(fixture('finnhub-session.ndjson'))
    const before = await all()
    const scene: Scene = {
      folder: cassandra.tables,
      logs: folder.path,
      env: { PATH: `${cassandra.bin}:${process.env['PATH']}` },
      names: {
        'monday market': `monday ${market.name}`,
        'market/*': `${market.name}/*`,
        'import market': `import ${market.name}`,
      },
    }
    await runBlock(snapshot, scene)
    const later = { s: 'LATER', t: Date.UTC(2026, 2, 2), p: 7, v: 1, c: null }
    writeFileSync(join(folder.path, 'later.ndjson'), JSON.stringify({ type: 'trade', data: [later] }))
    await replay(join(folder.path, 'later.ndjson'))
    const complete = await all()
    await market.query(`DROP KEYSPACE ${market.name}`)
    expect(await stockpipe(['setup', 'schema', ...market.store])).toMatchObject({ code: 0 })
    expect((await all()).flat()).toEqual([])

    await runBlock(putBack, scene)
    expect(await all()).toEqual(before)
    await using _ = await readingAgain(market, { kafka: servers.kafka, cassandra })
    const rows = (tables: Row[][]) => tables.map((found) => found.map(({ symbol }) => symbol).sort())
    await until(all, (tables) => Bun.deepEquals(rows(tables), rows(complete)))
    expect(rows(complete)).not.toEqual(rows(before))
    // A server of its own, and a Java for each command of nodetool.
  }, 180_000)
})
