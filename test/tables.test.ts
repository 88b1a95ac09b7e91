/** The tables are what they are documented to be, and read by a client that shares nothing with ours. */
import { describe, expect, test } from 'bun:test'

import { fixture, replayArgs, type Row, stockpipe, temporaryFolder } from './binary.ts'
import { openMarket, serversForTests, sorted } from './market.ts'
import { openPython } from './python.ts'

/** (partition key), clustering key; the other columns by name. Dashboards rely on these names and types. */
const DOCUMENTED: Record<string, string> = {
  trades: `(symbol text, hour text), trade_ts timestamp, log_partition int, log_offset bigint, log_index int;
    conditions text, flags text, ingested_ts timestamp, price double, received_ts timestamp, volume double`,
  running_averages_15_sec: `(symbol text, day text), window_end_ts timestamp;
    close double, closed_by text, final boolean, high double, low double, mean_notional double, mean_price double,
    n int, open double, revision int, volume double, vwap double, window_start_ts timestamp`,
  candles: `(symbol text, interval text, bucket text), open_ts timestamp;
    close double, closed_by text, final boolean, high double, low double, n int, open double, revision int,
    volume double, vwap double`,
  late_trades: `(symbol text, day text), trade_ts timestamp, log_partition int, log_offset bigint, log_index int;
    entry_interval text, incarnation bigint, late_by_ms bigint, missed text, price double, volume double`,
  latest: `(symbol text);
    change double, change_percent double, day_open double, price double, received_ts timestamp, trade_ts timestamp,
    volume double`,
  symbols: `(exchange text), symbol text; currency text, description text, type text`,
  gaps: `(symbol text, day text), from_ts timestamp, cause text; detail text, to_ts timestamp`,
  schema_migrations: `(version int); applied_ts timestamp, checksum text`,
}
const TABLES = { trades: 'trades', candles: 'candles', windows: 'running_averages_15_sec' }

interface Column {
  table_name: string
  column_name: string
  type: string
  kind: 'partition_key' | 'clustering' | 'static' | 'regular'
  position: number
  clustering_order: string
}

const python = await openPython()
const servers = python === null ? null : await serversForTests()

// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(servers === null)(
  "Python's driver finds the documented tables, and in them the rows that export writes",
  async () => {
    const there = servers as NonNullable<typeof servers>
    await using market = openMarket(there)
    using folder = temporaryFolder()
    const args = replayArgs(fixture('finnhub-session.ndjson'), folder.path, ...market.log, ...market.store)
    expect((await stockpipe(args)).code).toBe(0)
    const { contactPoints, port } = there.cassandra
    const asked = { contactPoints, port, keyspace: market.name, tables: Object.values(TABLES) }
    const found = (await python?.run('read_tables.py', asked)) as { columns: Column[]; rows: Record<string, Row[]> }
    for (const [table, words] of Object.entries(DOCUMENTED))
      expect(wordsOf(found.columns.filter(({ table_name }) => table_name === table))).toBe(
        words.replaceAll(/\s+/g, ' '),
      )
    for (const [name, table] of Object.entries(TABLES)) {
      const exported = await market.exported(name)
      const columns = Object.keys(exported[0] ?? {})
      const inOrder = (found.rows[table] ?? []).map((row) =>
        Object.fromEntries(columns.map((column) => [column, row[column] ?? null])),
      )
      expect(sorted(inOrder)).toEqual(exported)
    }
  },
  90_000,
)

function wordsOf(columns: readonly Column[]): string {
  const of = (kind: Column['kind']) =>
    columns
      .filter((column) => column.kind === kind)
      .sort((a, b) => a.position - b.position || (a.column_name < b.column_name ? -1 : 1))
      .map(({ column_name, type }) => `${column_name} ${type}`)
  const key = [`(${of('partition_key').join(', ')})`, ...of('clustering')].join(', ')
  return [key, [...of('regular'), ...of('static')].join(', ')].join('; ')
}

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(servers === null)('export', () => {
  test('says what is wrong with the keyspace, and ends at once', async () => {
    const { contactPoints, port } = (servers as NonNullable<typeof servers>).cassandra
    const store = ['--cassandra-contact-points', contactPoints.join(), '--cassandra-port', String(port)]
    const run = await stockpipe(['export', 'trades', ...store, '--cassandra-keyspace', 'nobody_made_this'])
    expect([run.code, run.stdout]).toEqual([1, ''])
    expect(run.stderr).toMatch(/^error: the tables .* are not in .*"nobody_made_this"\n {2}why: .*\n {2}try: .*\n$/)
  })

  test('says that nobody answers, and ends at once', async () => {
    const run = await stockpipe([
      'export',
      'trades',
      '--cassandra-contact-points',
      '127.0.0.1',
      '--cassandra-port',
      '9',
    ])
    expect([run.code, run.stdout]).toEqual([1, ''])
    expect(run.stderr).toMatch(
      /^error: Cassandra at 127\.0\.0\.1 \(port 9\) cannot be used\n {2}why: .*\n {2}try: .*\n$/,
    )
    expect(run.stderr).not.toContain('tried again')
  })
})
