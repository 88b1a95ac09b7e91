import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { fixture } from '../../test/fixture.ts'
import { nastyRecording } from '../../test/nasty.ts'
import { encodeValue, gapHeaders } from '../stream/codec.ts'
import { edges } from './edges.fixture.ts'
import { runStockpipe } from './stockpipe.fixture.ts'
import { copyOf, replay, verified } from './verify.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'stockpipe-verify-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const NASTY = join(folder, 'nasty')
const RECORDINGS = ['btcusdt-trades', 'finnhub-session'] as const
const LIMIT_MS = 30_000

beforeAll(async () => {
  const file = join(folder, 'nasty.ndjson')
  writeFileSync(file, nastyRecording(1).text)
  const edgesFile = join(folder, 'edges.ndjson')
  writeFileSync(edgesFile, edges())
  await Promise.all([
    replay(edgesFile, join(folder, 'edges')),
    replay(file, NASTY, '--partitions', '3'),
    ...RECORDINGS.map((name) => replay(fixture(`${name}.ndjson`), join(folder, name))),
  ])
}, LIMIT_MS)

test.each(RECORDINGS)('%s is as it should be', async (name) => {
  const { code, report, found } = await verified(['--data-dir', join(folder, name)])
  expect([code, found, report.notes, report.unprocessed]).toEqual([0, [], [], 0])
  expect(report.kinds.trade.compared).toBe(name === 'finnhub-session' ? 27 : 2001)
})

test('a stream with repeats, disorder, late and future trades, price updates, twins and midnight is, too', async () => {
  const { code, report, found } = await verified(['--data-dir', NASTY])
  expect([code, found, report.notes]).toEqual([0, [], []])
  const { trade, late, window, candle, latest } = report.kinds
  for (const { compared } of [trade, late, window, candle, latest]) expect(compared).toBeGreaterThan(5)
})

test('trades exactly on the edges of windows are, too', async () => {
  const { code, report, found } = await verified(['--data-dir', join(folder, 'edges')])
  expect([code, found, report.notes]).toEqual([0, [], []])
  expect([report.kinds.trade.compared, report.kinds.late.compared]).toEqual([12, 4])
})

const FIRST_CANDLE = 'symbol, interval, open_ts) IN (SELECT symbol, interval, min(open_ts) FROM candles'
const OF = {
  trades: `(log_partition, log_offset, log_index) IN (SELECT log_partition, log_offset, log_index FROM trades WHERE flags = '' LIMIT 1)`,
  future: `(log_partition, log_offset, log_index) IN (SELECT log_partition, log_offset, log_index FROM trades WHERE flags = 'future' LIMIT 1)`,
  late: '(log_partition, log_offset, log_index) IN (SELECT log_partition, log_offset, log_index FROM late_trades LIMIT 1)',
  windows: '(symbol, window_end_ts) IN (SELECT symbol, max(window_end_ts) FROM running_averages_15_sec)',
  day: `(${FIRST_CANDLE} WHERE interval = '1d')`,
  second: `(${FIRST_CANDLE} WHERE interval = '1s')`,
  latest: 'symbol IN (SELECT min(symbol) FROM latest)',
}
const SPOILT: readonly (readonly [string, string, RegExp])[] = [
  ['a trade is gone', `DELETE FROM trades WHERE ${OF.trades}`, /^trade .* row: undefined not a row$/],
  ['a quarantined trade is gone', `DELETE FROM trades WHERE ${OF.future}`, /^trade .* row: undefined not a row$/],
  ['a price is another', `UPDATE trades SET price = price + 1 WHERE ${OF.trades}`, /^trade .* price: .* not .*$/],
  ['a flag is gone', `UPDATE trades SET flags = '' WHERE ${OF.future}`, /^trade .* flags: {2}not future$/],
  [
    'a trade is there that the log does not have',
    `INSERT INTO trades SELECT symbol, trade_ts, log_partition, log_offset, 99, price, volume, conditions, received_ts, ingested_ts, flags FROM trades WHERE ${OF.trades}`,
    /^trade .*:99 .* row: a row not undefined$/,
  ],
  ['a late trade is gone', `DELETE FROM late_trades WHERE ${OF.late}`, /^late .* row: undefined not a row$/],
  [
    'what it missed is another',
    `UPDATE late_trades SET missed = '1s,1h' WHERE ${OF.late}`,
    /^late .* missed: 1s,1h not/,
  ],
  ['a window is gone', `DELETE FROM running_averages_15_sec WHERE ${OF.windows}`, /^window .* row: undefined not n = /],
  [
    'a mean is another',
    `UPDATE running_averages_15_sec SET mean_notional = mean_notional * 1.000001 WHERE ${OF.windows}`,
    /^window .* mean_notional: /,
  ],
  [
    'a window is there that the log does not have',
    `UPDATE running_averages_15_sec SET window_end_ts = window_end_ts + 500000, window_start_ts = window_start_ts + 500000 WHERE ${OF.windows}`,
    /^window .* row: a row not undefined$/,
  ],
  ['a long candle is gone', `DELETE FROM candles WHERE ${OF.day}`, /^candle .* 1d .* row: undefined not n = /],
  ['a short candle is gone', `DELETE FROM candles WHERE ${OF.second}`, /^candle .* 1s .* row: undefined not n = /],
  ['a count is another', `UPDATE candles SET n = n + 1 WHERE ${OF.second}`, /^candle .* 1s .* n: \d+ not \d+$/],
  ['a final candle is open', `UPDATE candles SET final = 0 WHERE ${OF.second}`, /^candle .* final: false not true$/],
  ['a revision is none', `UPDATE candles SET revision = 1 WHERE ${OF.second}`, /^candle .* revision: 1 not 0$/],
  ['a newest price is another', `UPDATE latest SET price = price + 1 WHERE ${OF.latest}`, /^latest .* price: /],
  ['a newest price is older', `UPDATE latest SET trade_ts = 7 WHERE ${OF.latest}`, /^latest .* trade_ts: 7 not \d+$/],
  ['a newest price is gone', `DELETE FROM latest WHERE ${OF.latest}`, /^latest .* row: undefined not at \d+$/],
]

test.each(SPOILT)('%s: it is named, and the exit code is 1', async (_name, sql, wanted) => {
  using spoilt = copyOf(NASTY)
  expect(spoilt.store(sql)).toBe(1)
  const { code, found } = await spoilt.verify()
  expect(code).toBe(1)
  expect(found.filter((line) => wanted.test(line))).toHaveLength(1)
})

test('rows of a symbol that the log does not know are named, each of them', async () => {
  using spoilt = copyOf(join(folder, 'finnhub-session'))
  const moved = spoilt.store(`UPDATE candles SET symbol = 'GHOST' WHERE interval = '1s'`)
  expect(spoilt.store(`UPDATE latest SET symbol = 'GHOST'`)).toBe(1)
  const { report, found } = await spoilt.verify('--limit', '1000')
  expect(report.kinds.candle.differences).toBe(2 * moved)
  expect(found.filter((line) => /GHOST .* row: a row not undefined/.test(line))).toHaveLength(moved)
})

test('symbol, from and to choose what is compared', async () => {
  using spoilt = copyOf(join(folder, 'finnhub-session'))
  spoilt.store('UPDATE trades SET price = price + 1')
  const ranges = [
    ['--symbol', 'NOBODY'],
    ['--to', '2000-01-01'],
    ['--from', '2040-01-01'],
  ]
  for (const range of ranges) expect((await spoilt.verify(...range)).code).toBe(0)
  expect((await spoilt.verify('--from', '2000-01-01')).report.kinds.trade.differences).toBe(27)
})

const garbage = (text: string) => ({ key: 'A', value: Buffer.from(text), headers: {}, partition: 0 })

test('records that nobody has processed are left out, and said', async () => {
  using spoilt = copyOf(join(folder, 'finnhub-session'))
  await spoilt.append('market', [garbage('one'), garbage('two')])
  const { code, report } = await spoilt.verify()
  expect([code, report.unprocessed, report.kinds['dead-letter'].compared]).toEqual([0, 2, 0])
  expect(report.notes.join()).toContain('2 records are not committed as processed')
})

test('a record that cannot be read must be in the dead-letter topic', async () => {
  using spoilt = copyOf(join(folder, 'finnhub-session'))
  await spoilt.append('market', [garbage('one')])
  await replay(fixture('finnhub-session.ndjson'), spoilt.data)
  const before = await spoilt.verify()
  expect([before.code, before.report.undecodable, before.report.kinds['dead-letter'].compared]).toEqual([0, 1, 1])
  const topic = `SELECT id FROM topics WHERE name = 'market.dead-letter'`
  expect(spoilt.log(`DELETE FROM records WHERE topic_id = (${topic})`)).toBe(1)
  const after = await spoilt.verify()
  expect([after.code, after.found.length]).toEqual([1, 1])
  expect(after.found[0]).toMatch(/^dead-letter 0:\d+ row: undefined not cannot decode a record/)
})

test('gaps of the log are rows, split at midnight, and no others are', async () => {
  using spoilt = copyOf(join(folder, 'finnhub-session'))
  const gap = { symbol: 'A', from: Date.UTC(2026, 2, 2, 23), to: Date.UTC(2026, 2, 3, 1), cause: 'outage', detail: '' }
  const records = [gap, { ...gap, to: gap.to + 1 }].map((hole) => ({
    key: 'A',
    value: encodeValue([], 'raw'),
    headers: gapHeaders(hole, 'raw'),
  }))
  await spoilt.append('market', records)
  await replay(fixture('finnhub-session.ndjson'), spoilt.data)
  const { code, report } = await spoilt.verify()
  expect([code, report.kinds.gap.compared, report.kinds.gap.differences]).toEqual([0, 2, 0])
  expect(spoilt.store(`UPDATE gaps SET to_ts = to_ts - 1 WHERE day = '2026-03-03'`)).toBe(1)
  expect(spoilt.store(`UPDATE gaps SET cause = 'stall' WHERE day = '2026-03-02'`)).toBe(1)
  const { found } = await spoilt.verify()
  expect(found).toEqual([
    expect.stringMatching(/^gap A \d+ stall row: a row not undefined$/),
    expect.stringMatching(/^gap A \d+ outage to_ts: \d+ not \d+$/),
    expect.stringMatching(/^gap A \d+ outage row: undefined not to \d+$/),
  ])
})

test.each([
  ['went on', ''],
  ['began anew there', 'DELETE FROM commits'],
])(
  'where the log has lost its beginning and the processor %s, the rest is judged',
  async (_name, forget) => {
    using spoilt = copyOf(NASTY)
    const topic = `SELECT id FROM topics WHERE name = 'market'`
    const slots = `SELECT slot FROM partitions WHERE topic_id = (${topic})`
    const half = `(SELECT next_offset / 2 FROM partitions p WHERE p.slot = records.id / ${2 ** 36})`
    expect(spoilt.log(`DELETE FROM records WHERE topic_id = (${topic}) AND id % ${2 ** 36} < ${half}`)).toBeGreaterThan(
      100,
    )
    spoilt.log(`UPDATE partitions SET start_offset = next_offset / 2 WHERE slot IN (${slots})`)
    if (forget !== '') {
      spoilt.log(forget)
      for (const table of ['candles', 'running_averages_15_sec']) spoilt.store(`DELETE FROM ${table}`)
    }
    await replay(join(folder, 'nasty.ndjson'), spoilt.data, '--partitions', '3')
    const { code, report, found } = await spoilt.verify()
    expect([code, found]).toEqual([0, []])
    expect(report.notes.join()).toMatch(/partition 0 begins at offset \d+: what was before/)
    expect(Math.min(report.kinds.trade.compared, report.kinds.candle.compared)).toBeGreaterThan(30)
    expect(
      spoilt.store(`DELETE FROM candles WHERE open_ts = (SELECT max(open_ts) FROM candles WHERE interval = '1m')`),
    ).toBeGreaterThan(0)
    expect((await spoilt.verify()).code).toBe(1)
  },
  30_000,
)

test('other settings than those that made the windows end with 2 and name them', async () => {
  const { code, err } = await runStockpipe(['verify', '--data-dir', NASTY, '--delay', '20s'], { cwd: folder })
  expect(code).toBe(2)
  expect(err).toContain('made by other settings')
  expect(err).toContain('--delay 15s')
})

test('people get a line for each table and for each difference', async () => {
  using spoilt = copyOf(join(folder, 'finnhub-session'))
  spoilt.store(`UPDATE candles SET high = 1 WHERE interval = '1d'`)
  const { code, out, err } = await runStockpipe(['verify', '--data-dir', spoilt.data], { cwd: folder })
  expect([code, err]).toEqual([1, ''])
  expect(out).toContain('27 trades compared: all as they should be\n')
  expect(out).toMatch(/13 candles compared: 1 difference\n {2}candle \S+ 1d \d+ high: stored 1, expected [\d.]+\n/)
  expect(out).toEndWith('DIFFERENCES: what is stored is not what the log says\n')
})
