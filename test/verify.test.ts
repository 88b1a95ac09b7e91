/** `stockpipe verify` on Kafka and Cassandra, and beside a pipeline that runs. */
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { fixture, replayArgs, stockpipe, temporaryFolder } from './binary.ts'
import { type Market, openMarket, serversForTests } from './market.ts'
import { nastyRecording } from './nasty.ts'
import { running, until } from './running.ts'
import { systemClock } from '../src/clock.ts'
import { KafkaBroker } from '../src/stream/broker/kafka.ts'
import { Health, silentLog } from '../src/telemetry.ts'
import type { Report } from '../src/verify/report.ts'

const LIMIT_MS = 60_000
const servers = await serversForTests()

async function verify(words: readonly string[]): Promise<{ code: number | null; report: Report; found: string[] }> {
  const { code, stdout, stderr } = await stockpipe(['verify', '--json', ...words])
  if (stdout === '') throw new Error(stderr)
  const report = JSON.parse(stdout) as Report
  const shown = Object.values(report.kinds).flatMap(({ shown }) => shown)
  return { code, report, found: shown.map(({ kind, column }) => `${kind} ${column}`) }
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
}, 30_000)

/** Appends records once more, as a producer does that did not hear of its first success. */
async function sendAgain({ name }: Market): Promise<void> {
  const around = { clock: systemClock, log: silentLog, health: new Health() }
  const brokers = servers?.kafka.brokers ?? []
  await using broker = new KafkaBroker({ brokers, tls: null, sasl: null, replication: null, ...around })
  const partition = (await broker.bounds(name)).findIndex(({ end }) => end > 0)
  for await (const { records } of broker.read(name, partition, 0, new AbortController().signal)) {
    await broker.append(
      name,
      records.slice(0, 20).map(({ key, value, headers }) => ({ key, value, headers, partition })),
    )
    return
  }
}

describe.skipIf(servers === null)('on Kafka and Cassandra', () => {
  const open = () => openMarket(servers as NonNullable<typeof servers>)

  test(
    'recordings give what they should, and a changed row in each table is named',
    async () => {
      await using market = open()
      using folder = temporaryFolder()
      const file = join(folder.path, 'nasty.ndjson')
      writeFileSync(file, nastyRecording(2).text)
      const where = [...market.log, ...market.store]
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
    },
    LIMIT_MS,
  )
})

/** One row of each table. */
async function spoil({ name, query }: Market): Promise<void> {
  const one = async (columns: string, table: string) => {
    const [row = {}] = await query(`SELECT ${columns} FROM ${table} LIMIT 1`)
    return Object.entries(row)
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
