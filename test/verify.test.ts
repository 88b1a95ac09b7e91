/** `stockpipe verify` on Kafka and Cassandra, and beside a pipeline that runs. */
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { fixture, replayArgs, stockpipe, temporaryFolder } from './binary.ts'
import { type Market, openMarket, serversForTests } from './market.ts'
import { nastyRecording } from './nasty.ts'
import { running, until } from './running.ts'
import { systemClock } from '../src/clock.ts'
import type { NewRecord } from '../src/stream/broker.ts'
import { KafkaBroker } from '../src/stream/broker/kafka.ts'
import { encodeValue } from '../src/stream/codec.ts'
import { Health, silentLog } from '../src/telemetry.ts'
import type { Reprocessed } from '../src/verify/reprocess.ts'
import type { Report } from '../src/verify/report.ts'

const LIMIT_MS = 180_000
const servers = await serversForTests()

async function verify(words: readonly string[]): Promise<{ code: number | null; report: Report; found: string[] }> {
  const { code, stdout, stderr } = await stockpipe(['verify', '--json', ...words])
  if (stdout === '') throw new Error(stderr)
  const report = JSON.parse(stdout) as Report
  const shown = Object.values(report.kinds).flatMap(({ shown }) => shown)
  return { code, report, found: shown.map(({ kind, column }) => `${kind} ${column}`) }
}

async function reprocess(words: readonly string[]): Promise<Reprocessed> {
  const range = ['--from', '2000-01-01', '--to', '2099-01-01', '--yes']
  const { code, stdout, stderr } = await stockpipe(['reprocess', '--json', ...range, ...words])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as Reprocessed
}

const LIVE = ['--listen', '127.0.0.1:0', '--symbols', 'BINANCE:BTCUSDT,AAPL,MSFT']

test('beside a pipeline that runs nothing differs, and after it was killed neither', async () => {
  using folder = temporaryFolder()
  const data = ['--data-dir', folder.path]
  await using run = running(['run', ...data, ...LIVE])
  const url = await run.url()
  const stored = async () => ((await (await fetch(`${url}/v1/windows?symbol=AAPL`)).json()) as { data: unknown[] }).data
  await until(stored, (rows) => rows.length > 100)
  const beside = await verify([...data, '--api', url])
  expect([beside.code, beside.found, beside.report.notes]).toEqual([0, [], []])
  expect(beside.report.kinds.api.compared).toBeGreaterThan(1000)
  run.child.kill('SIGKILL')
  await run.child.exited
  expect(await verify(data)).toMatchObject({ code: 0, found: [] })
}, 120_000)

function openBroker(): KafkaBroker {
  const around = { clock: systemClock, log: silentLog, health: new Health() }
  return new KafkaBroker({ brokers: servers?.kafka.brokers ?? [], tls: null, sasl: null, replication: null, ...around })
}

/** As another producer would. */
async function append({ name }: Market, records: readonly NewRecord[]): Promise<void> {
  await using broker = openBroker()
  await broker.append(name, records)
}

/** Appends records once more, as a producer does that did not hear of its first success. */
async function sendAgain({ name }: Market): Promise<void> {
  await using broker = openBroker()
  const partition = (await broker.bounds(name)).findIndex(({ end }) => end > 0)
  for await (const { records } of broker.read(name, partition, 0, new AbortController().signal)) {
    await broker.append(
      name,
      records.slice(0, 20).map(({ key, value, headers }) => ({ key, value, headers, partition })),
    )
    return
  }
}

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(servers === null)('on Kafka and Cassandra', () => {
  const open = () => openMarket(servers as NonNullable<typeof servers>)

  test(
    'recordings give what they should, and a changed row in each table is named',
    async () => {
      await using market = open()
      using folder = temporaryFolder()
      const file = join(folder.path, 'nasty.ndjson')
      writeFileSync(file, nastyRecording(2).text)
      const where = [...market.log, ...market.store, '--store-durability-lag', '0s']
      const data = join(folder.path, 'data')
      for (const recording of [file, fixture('finnhub-session.ndjson')])
        expect(await stockpipe(replayArgs(recording, data, '--partitions', '3', ...where))).toMatchObject({ code: 0 })
      await sendAgain(market)
      expect((await verify([...where, '--wait', '0s'])).report.unprocessed).toBe(20)
      expect(await stockpipe(replayArgs(file, data, '--partitions', '3', ...where))).toMatchObject({ code: 0 })
      const clean = await verify(where)
      expect([clean.code, clean.found, clean.report.notes, clean.report.duplicates]).toEqual([0, [], [], 20])
      for (const kind of ['trade', 'late', 'window', 'candle', 'latest'] as const)
        expect(clean.report.kinds[kind].compared).toBeGreaterThan(5)
      await spoil(market)
      const spoilt = await verify([...where, '--wait', '1s'])
      expect(spoilt.code).toBe(1)
      expect(spoilt.found.sort()).toEqual(['candle n', 'late row', 'latest price', 'trade row', 'window high'])
      await reprocess(where)
      const restored = await verify([...where, '--wait', '0s'])
      expect(restored.found.sort()).toEqual(['late row', 'latest price', 'trade row'])
      const { repeats, windows } = await reprocess([...where, '--include-late', '--ignore-marks'])
      expect(Math.min(repeats, windows)).toBeGreaterThan(10)
      expect((await verify([...where, '--wait', '0s'])).found.sort()).toEqual(restored.found)
      expect(await reprocess([...where, '--include-late', '--ignore-marks'])).toMatchObject({ id: null, windows: 0 })
    },
    LIMIT_MS,
  )

  test(
    'a dead letter that can be read after all is stored once, however often it is replayed',
    async () => {
      await using market = open()
      using folder = temporaryFolder()
      const where = [...market.log, ...market.store, '--store-durability-lag', '0s']
      const replay = replayArgs(fixture('finnhub-session.ndjson'), folder.path, '--partitions', '3', ...where)
      expect(await stockpipe(replay)).toMatchObject({ code: 0 })
      const entry = { c: null, p: 1, s: 'LETTER', t: Date.UTC(2026, 2, 2), v: 1 }
      await append(market, [
        { key: 'LETTER', value: encodeValue([entry], 'raw'), headers: { skew: 'x' } },
        { key: 'LETTER', value: Buffer.from('no Avro'), headers: {} },
      ])
      expect(await stockpipe(replay)).toMatchObject({ code: 0 })
      const listed = await stockpipe(['dlq', 'list', ...where])
      expect(listed.stdout.split('\n')).toHaveLength(3)
      for (const times of [1, 2]) {
        const replayed = await stockpipe(['dlq', 'replay', '--all', '--yes', ...where])
        expect(replayed.stdout).toContain(times === 1 ? '1 trade to the log' : 'was replayed before')
        expect(replayed.code).toBe(1)
        expect(await stockpipe(replay)).toMatchObject({ code: 0 })
      }
      const trades = await market.exported('trades')
      expect(trades.filter(({ symbol }) => symbol === 'LETTER')).toHaveLength(1)
      expect(await verify(where)).toMatchObject({ code: 0, found: [] })
    },
    LIMIT_MS,
  )
})

/** One row of each table. */
async function spoil({ name, query }: Market): Promise<void> {
  const one = async (columns: string, table: string) => {
    const isWindow = table === 'candles' || table === 'running_averages_15_sec'
    const rows = await query(`SELECT ${columns}${isWindow ? ', closed_by' : ''} FROM ${table}`)
    const { closed_by: _closedBy, ...key } = rows.find((row) => !isWindow || row['closed_by'] === 'watermark') ?? {}
    return Object.entries(key)
      .map(([column, value]) => `${column} = ${typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : value}`)
      .join(' AND ')
  }
  const place = 'trade_ts, log_partition, log_offset, log_index'
  await query(`DELETE FROM trades WHERE ${await one(`symbol, hour, ${place}`, 'trades')}`)
  await query(`DELETE FROM late_trades WHERE ${await one(`symbol, day, ${place}`, 'late_trades')}`)
  const later = 'USING TIMESTAMP 9000000000000000'
  const set = async (table: string, key: string, change: string) => {
    const where = await one(key, table)
    await query(`UPDATE ${name}.${table} ${later} SET ${change} WHERE ${where}`)
  }
  await set('running_averages_15_sec', 'symbol, day, window_end_ts', 'high = 1')
  await set('candles', 'symbol, interval, bucket, open_ts', 'n = 1000000')
  await set('latest', 'symbol', 'price = 1')
}
