/** Rows on Kafka and Cassandra are those that one process makes on its own disk, and those of the rules. */
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { exported, fixture, replayArgs, type Row, stockpipe, temporaryFolder } from './binary.ts'
import { differencesFrom } from './expected.ts'
import { type Market, openMarket, serversForTests, sorted } from './market.ts'
import { nastyRecording } from './nasty.ts'
import { check, storedOnServers } from './nasty-rows.ts'

const LIMIT_MS = 120_000
const PARTITIONS = [1, 12]
/** More by hand, from any number on: NASTY_SEEDS=50 NASTY_FROM=1000 bun test test/servers.test.ts */
const SEEDS = Number(process.env['NASTY_SEEDS'] ?? 2)
const FROM = Number(process.env['NASTY_FROM'] ?? 1)
const seeds = Array.from({ length: SEEDS }, (_, index) => FROM + index)

const servers = await serversForTests()

/** Runs a recording to its end in one process. */
async function replay(file: string, data: string, ...more: readonly string[]): Promise<void> {
  const { code, stderr } = await stockpipe(replayArgs(file, data, ...more))
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
}

/** Everything but when it was appended. */
const bare = (rows: readonly Row[]): Row[] => sorted(rows.map((row) => ({ ...row, ingested_ts: 0 })))

/** Replays it with and without servers: the rows of each table must be the same. */
async function compare(name: string, partitions: number, market: Market): Promise<void> {
  using folder = temporaryFolder()
  const file = fixture(`${name}.ndjson`)
  const count = ['--partitions', String(partitions)]
  const [embedded, remote] = [join(folder.path, 'embedded'), join(folder.path, 'remote')]
  await replay(file, embedded, ...count)
  await replay(file, remote, ...count, ...market.log, ...market.store)
  const [trades = [], candles = [], windows = []] = await Promise.all(
    ['trades', 'candles', 'windows'].map(async (table) => {
      const [here, there] = [await exported(table, embedded), await market.exported(table)]
      expect(bare(there)).toEqual(bare(here))
      expect(Object.keys(there[0] ?? {})).toEqual(Object.keys(here[0] ?? { none: 0 }))
      return there
    }),
  )
  expect(trades.length).toBeGreaterThan(20)
  expect(differencesFrom(fixture(`${name}.expected.json`), { candles, windows })).toEqual([])
}

/** One after the other: a server makes the tables of many keyspaces slowly. */
// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(servers === null)('on Kafka and Cassandra', () => {
  const open = () => openMarket(servers as NonNullable<typeof servers>)

  test.each(['btcusdt-trades', 'finnhub-session'])(
    '%s gives the rows that it gives without servers, and the expected ones, at 1 and at 12 partitions',
    async (name) => {
      await Promise.all(
        PARTITIONS.map(async (partitions) => {
          await using market = open()
          await compare(name, partitions, market)
        }),
      )
    },
    LIMIT_MS,
  )

  test.each(seeds)(
    'nasty recording %d gives the rows that the rules give, at 1 and at 12 partitions',
    async (seed) => {
      const recording = nastyRecording(seed)
      await Promise.all(
        PARTITIONS.map(async (partitions) => {
          await using market = open()
          using folder = temporaryFolder()
          const file = join(folder.path, 'nasty.ndjson')
          writeFileSync(file, recording.text)
          const data = join(folder.path, 'data')
          await replay(file, data, '--partitions', String(partitions), ...market.log, ...market.store)
          check(await storedOnServers(market), recording, partitions)
        }),
      )
    },
    LIMIT_MS,
  )
})
