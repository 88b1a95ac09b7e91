import { describe, expect, test } from 'bun:test'

import { ALERT_RULES, type AlertRule } from './lint/alert-rules.ts'
import { API_RULES } from './lint/api-rules.ts'
import { CQL_RULES } from './lint/cql-rules.ts'
import { DASHBOARD_RULES } from './lint/dashboard-rules.ts'
import { type Install, INSTALL_RULES } from './lint/install-rules.ts'
import { lint, type Surroundings } from './lint/lint.ts'
import { type Source, SOURCE_RULES } from './lint/source-rules.ts'
import { PLUGINS } from './src/sources.ts'
import { surroundings } from './surroundings.fixture.ts'
import {
  type Annotation,
  CASSANDRA_PLUGIN,
  type Dashboard,
  type Panel,
  type Target,
  type Variable,
} from '../src/deploy/grafana/dashboard.ts'

/** For tests that break what the program may only read. */
type Changeable<T> = T extends (infer Item)[] | readonly (infer Item)[]
  ? Changeable<Item>[]
  : T extends object
    ? { -readonly [key in keyof T]: Changeable<T[key]> }
    : T

test('the dashboards and alerts break no rule', async () => {
  expect(lint(await surroundings())).toEqual([])
})

const dashboard = (around: Surroundings, uid: string): Changeable<Dashboard> =>
  around.dashboards.find((one) => one.uid === uid) as Changeable<Dashboard>
const panel = (around: Surroundings, title: string, uid = 'stockpipe-market'): Changeable<Panel> =>
  dashboard(around, uid).panels.find((one) => one.title === title) as Changeable<Panel>
const target = (around: Surroundings, title: string, uid?: string): Target & Record<string, unknown> =>
  panel(around, title, uid).targets?.[0] as unknown as Target & Record<string, unknown>

function rewrite(one: Changeable<Target> | undefined, from: string | RegExp, to: string): void {
  const before = String(one?.['target'])
  Object.assign(one ?? {}, { target: before.replace(from, to) })
  expect(one?.['target']).not.toBe(before)
}

/** Rewrites the CQL of a panel, of both partitions. */
const cql =
  (title: string, from: string | RegExp, to: string) =>
  (around: Surroundings): void => {
    for (const one of panel(around, title).targets ?? []) rewrite(one, from, to)
  }

/** Rewrites the address of a question by HTTP. */
const url =
  (from: string, to: string) =>
  (around: Surroundings): void => {
    const one = target(around, 'Trades', 'stockpipe-market-api')
    const before = String(one['url'])
    one['url'] = before.replace(from, to)
    expect(one['url']).not.toBe(before)
  }

/** As if the table had a column of another type. */
const retyped =
  (column: string, type: string) =>
  ({ tables }: Surroundings): void => {
    const types = tables.get('trades')?.types
    if (types instanceof Map) types.set(column, type)
  }

const alert =
  (change: (rule: AlertRule, all: AlertRule[]) => void) =>
  (around: Surroundings): void => {
    const rules = around.alerts.groups[0]?.rules ?? []
    change(rules[0] as AlertRule, rules)
  }

const variable =
  (name: string, change: (one: Changeable<Variable>) => void) =>
  (around: Surroundings): void => {
    const found = dashboard(around, 'stockpipe-market').templating.list.find((one) => one.name === name)
    change(found as Changeable<Variable>)
  }

/** Of Market: the newest gaps. */
const annotation =
  (change: (one: Changeable<Annotation>) => void) =>
  (around: Surroundings): void =>
    change(dashboard(around, 'stockpipe-market').annotations?.list?.[0] as Changeable<Annotation>)

/** Of both partitions. */
const annotationCql =
  (from: string, to: string) =>
  (around: Surroundings): void => {
    for (const { target: one } of dashboard(around, 'stockpipe-market').annotations?.list ?? []) rewrite(one, from, to)
  }

/** Of a profile, the last of them. */
const install =
  (change: (one: Install) => void) =>
  ({ installs }: Surroundings): void =>
    change(installs.at(-1) as Install)

/** Of Cassandra. */
const source =
  (change: (one: Source) => void) =>
  ({ sourceFile }: Surroundings): void =>
    change(sourceFile.datasources[0] as Source)

const BY_HTTP = 'stockpipe-market-api'
const LIVE = 'stockpipe-market-live'

/** For each rule, ways to break it. */
const SEEDED: readonly (readonly [rule: string, how: string, seed: (around: Surroundings) => void])[] = [
  ['select', 'a line break after SELECT', cql('Trades', 'SELECT ', 'SELECT\n')],
  ['select', 'small letters', cql('Trades', 'SELECT ', 'select ')],
  ['select', 'another statement', cql('Trades', /^.*$/, 'SELECT JSON * FROM')],
  ['no-filtering', 'ALLOW FILTERING', cql('Trades', /$/, ' ALLOW FILTERING')],
  ['types', 'a column that is not there', cql('Trades', 'conditions', 'condition')],
  ['types', 'a table that is not there', cql('Trades', 'FROM trades', 'FROM trade')],
  ['types', 'a collection', retyped('conditions', 'list')],
  ['types', 'a decimal', retyped('volume', 'decimal')],
  ['types', 'a varint', retyped('volume', 'varint')],
  ['first-column', 'a number first', cql('Trades', 'symbol, trade_ts, price', 'price, trade_ts, symbol')],
  ['first-column', 'a text of many values first', cql('Trades', 'symbol, trade_ts', 'conditions, trade_ts')],
  ['shape', 'no time', cql('Now', ', trade_ts', '')],
  ['shape', 'no number', cql('Now', 'price, change_percent, ', '')],
  ['bounded', 'no limit', cql('Trades', ' LIMIT 50', '')],
  ['bounded', 'a limit too high', cql('Trades', ' LIMIT 50', ' LIMIT 100000')],
  ['partition', 'half of the key', cql('Trades', / AND hour IN \([^)]*\)/, '')],
  ['partition', 'all symbols', cql('Now', / WHERE .* LIMIT/, ' LIMIT')],
  ['newest-first', 'the oldest rows', cql('Trades', ' ORDER BY trade_ts DESC', '')],
  ['symbol', 'one symbol', cql('Trades', '${symbol:sqlstring}', "'BINANCE:BTCUSDT'")],
  ['formats', 'no format', cql('Trades', '${symbol:sqlstring}', "'${symbol}'")],
  [
    'formats',
    'a date in the zone of the browser',
    cql('Trades', /\$\{\w*hours:sqlstring\}/, "'${__from:date:YYYY-MM-DDTHH}'"),
  ],
  ['refresh', 'faster than the server allows', (around) => (dashboard(around, 'stockpipe-market').refresh = '100ms')],
  [
    'refresh',
    'not a duration',
    (around) => (dashboard(around, 'stockpipe-market').refresh = true as unknown as string),
  ],
  [
    'refresh',
    'not in the list',
    (around) => (dashboard(around, 'stockpipe-market').timepicker = { refresh_intervals: ['1s'] }),
  ],
  ['uids', 'two dashboards of one uid', (around) => (dashboard(around, 'stockpipe-market').uid = 'stockpipe-pipeline')],
  ['uids', 'two panels of one id', (around) => (panel(around, 'Trades').id = panel(around, 'Price').id)],
  [
    'sources',
    'a uid that is not there',
    (around) => (target(around, 'Trades').datasource = { ...target(around, 'Trades').datasource, uid: 'x' }),
  ],
  [
    'sources',
    'another type',
    (around) => (target(around, 'Trades').datasource = { ...target(around, 'Trades').datasource, type: 'prometheus' }),
  ],
  [
    'sources',
    'a variable of no source',
    (around) =>
      (dashboard(around, 'stockpipe-market').templating.list[0] = {
        name: 'symbol',
        type: 'query',
        query: { query: 'SELECT symbol FROM latest LIMIT 10' },
      }),
  ],
  [
    'sources',
    'an annotation of a uid that is not there',
    annotation((one) => (one.datasource = { ...one.datasource, type: CASSANDRA_PLUGIN, uid: 'x' })),
  ],
  [
    'sources',
    'an annotation of another type',
    annotation((one) => (one.datasource = { uid: 'stockpipe-cassandra', type: 'prometheus' })),
  ],
  ['sources', 'an annotation of no source', annotation((one) => delete one.datasource)],
  ['annotation-fields', 'no column named time', annotationCql('from_ts AS time', 'from_ts')],
  ['annotation-fields', 'no column named text', annotationCql('detail AS text', 'detail')],
  ['query-type', 'none', (around) => delete target(around, 'Trades')['queryType']],
  ['query-type', 'of alerts', (around) => (target(around, 'Trades')['queryType'] = 'alert')],
  [
    'query-type',
    'none in a live panel',
    (around) => delete target(around, 'Price', 'stockpipe-market-live')['queryType'],
  ],
  ['one-mode', 'raw and not raw', (around) => (target(around, 'Price')['rawQuery'] = false)],
  ['one-mode', 'not raw at all', (around) => (target(around, 'Trades')['rawQuery'] = false)],
  [
    'one-mode',
    'two sources',
    (around) => (target(around, 'Price').datasource = { type: 'prometheus', uid: 'stockpipe-prometheus' }),
  ],
  ['one-mode', 'one refId twice', (around) => panel(around, 'Trades').targets?.push(target(around, 'Trades'))],
  ['layout', 'too wide', (around) => (panel(around, 'Trades').gridPos.w = 15)],
  ['layout', 'one over another', (around) => (panel(around, 'Trades').gridPos.y = 10)],
  [
    'fast-panels',
    'two panels more',
    (around) =>
      dashboard(around, 'stockpipe-market').panels.push(
        { ...panel(around, 'Trades'), id: 98 },
        { ...panel(around, 'Trades'), id: 99 },
      ),
  ],
  ['candlestick', 'no open', cql('Candles of ${interval}', 'open, ', '')],
  ['one-frame', 'candles of two targets', (around) => delete panel(around, 'Candles of ${interval}').transformations],
  ['one-frame', 'a table of two targets', (around) => panel(around, 'Trades').transformations?.splice(0, 1)],
  [
    'one-frame',
    'two of three targets',
    (around) => panel(around, 'Trades').transformations?.splice(0, 1, { id: 'merge', filter: { id: 'byRefId' } }),
  ],
  ['no-hole', 'nothing cut off', (around) => panel(around, 'Volume per second').transformations?.splice(2)],
  ['no-hole', 'cut off unsorted', (around) => panel(around, 'Price').transformations?.splice(2, 2)],
  ['no-hole', 'cut off too late', cql('Volume per second', ' LIMIT 1000', ' LIMIT 900')],
  ['digits', 'a price of the feed', (around) => panel(around, 'Trades').fieldConfig?.overrides?.splice(0)],
  ['digits', 'a price by HTTP', (around) => panel(around, 'Now', BY_HTTP).fieldConfig?.overrides?.splice(0, 1)],
  ['digits', 'a mean', (around) => delete panel(around, '15 s running average', LIVE).fieldConfig?.defaults?.decimals],
  [
    'digits',
    'a price that is pushed',
    (around) => delete panel(around, 'Last price', LIVE).fieldConfig?.defaults?.unit,
  ],
  [
    'colours',
    'by their order',
    (around) => ((panel(around, 'Price').fieldConfig ?? {}).defaults = { color: { mode: 'palette-classic' } }),
  ],
  [
    'colours',
    'none',
    (around) => delete panel(around, 'Processor', 'stockpipe-resources').fieldConfig?.defaults?.color,
  ],
  ['macros', 'of a part of the time', cql('Trades', '$__timeFrom', '$__interval')],
  ['macros', 'of other plugins', cql('Trades', /AND trade_ts >= .*? ORDER/, 'AND $__timeFilter(trade_ts) ORDER')],
  ['macros', 'with parentheses', cql('Trades', '$__timeFrom', '$__timeFrom()')],
  ['macros', 'a variable without braces', cql('Trades', '${symbol:sqlstring}', "'$symbol'")],
  ['variable', 'its CQL as a text', variable('hours', (one) => (one.query = 'SELECT item FROM contents'))],
  [
    'variable',
    'its CQL under the key of a panel',
    variable('symbol', (one) => (one.query = { rawQuery: 'SELECT symbol FROM latest LIMIT 9' } as object)),
  ],
  ['variable', 'in no order', variable('symbol', (one) => (one.sort = 0))],
  [
    'one-partition',
    'the two newest at once',
    variable('hours', (one) => {
      const query = one.query as { query: string }
      query.query = query.query.replace('LIMIT 1', 'LIMIT 2')
    }),
  ],
  ['one-partition', 'two by name', cql('Trades', /\$\{\w*hours:sqlstring\}/, "'2026-11-28T00','2026-11-28T01'")],
  ['one-value', 'the names of partitions', cql('Trades', /IN \((\$\{\w+:sqlstring\})\)/, '= $1')],
  ['one-value', 'symbols of which several can be chosen', variable('symbol', (one) => (one.multi = true))],
  ['one-value', 'symbols that can be all', variable('symbol', (one) => (one.includeAll = true))],
  ['partition-before', 'the newest alone', (around) => panel(around, 'Trades').targets?.splice(1)],
  [
    'partition-before',
    'another question',
    (around) => rewrite(target(around, 'Trades'), 'ORDER BY', 'AND price > 0 ORDER BY'),
  ],
  [
    'partition-before',
    'gaps of the newest day alone',
    (around) => dashboard(around, 'stockpipe-market').annotations?.list?.splice(1),
  ],
  [
    'formats',
    'a symbol as a text',
    variable('hours', (one) => {
      const query = one.query as { query: string }
      query.query = query.query.replace('${symbol:sqlstring}', "'${symbol:csv}'")
    }),
  ],
  ['source-access', 'by the browser', source((one) => (one.access = 'direct'))],
  ['source-keys', 'a certificate where nobody looks', source((one) => ((one.jsonData ?? {})['tlsCACert'] = 'x'))],
  ['source-keys', 'a secret of another plugin', source((one) => ((one.secureJsonData ?? {})['tlsClientKey'] = 'x'))],
  ['source-needs', 'no consistency', source((one) => delete one.jsonData?.['consistency'])],
  ['source-needs', 'an empty keyspace', source((one) => ((one.jsonData ?? {})['keyspace'] = ''))],
  ['source-hosts', 'no port', source((one) => (one.url = 'cassandra-0:9042;cassandra-1'))],
  ['candlestick', 'an alias', (around) => (target(around, 'Candles of ${interval}')['alias'] = '{{symbol}}')],
  ['stat-value', 'several rows', cql('Now', 'LIMIT 1', 'LIMIT 2')],
  ['variables', 'one that is not defined', cql('Trades', /\$\{\w*hours:sqlstring\}/, '${hour:sqlstring}')],
  ['hard-wired', 'a symbol in a title', (around) => (panel(around, 'Trades').title = 'Bitcoin (BINANCE:BTCUSDT)')],
  [
    'metrics',
    'one that nobody exports',
    (around) => (target(around, 'Lag in records', 'stockpipe-pipeline')['expr'] = 'stockpipe_lag'),
  ],
  [
    'metrics',
    'a histogram itself',
    (around) => (target(around, 'Lag in records', 'stockpipe-pipeline')['expr'] = 'stockpipe_hop_duration_seconds'),
  ],
  [
    'metrics',
    'the rate of a gauge',
    (around) => (target(around, 'Lag in records', 'stockpipe-pipeline')['expr'] = 'rate(stockpipe_feed_connected[5m])'),
  ],
  ['metrics', 'none', (around) => (target(around, 'Lag in records', 'stockpipe-pipeline')['expr'] = 'vector(1)')],
  ['table-format', 'a series', (around) => delete target(around, 'Builds', 'stockpipe-resources')['format']],
  ['api-path', 'a whole address', url('/v1/trades', 'http://elsewhere/v1/trades')],
  ['api-parser', 'by the browser', (around) => (target(around, 'Trades', 'stockpipe-market-api')['parser'] = 'simple')],
  ['api-formats', 'a symbol as it is', url(':percentencode', '')],
  ['api-formats', 'a time in another form', url('${__from}', '${__from:date:iso}')],
  ['api-bounded', 'no limit', url('&limit=50', '')],
  ['api-bounded', 'the oldest rows', url('&order=desc', '')],
  [
    'candlestick',
    'no open by HTTP',
    (around) =>
      void (target(around, 'Candles of ${interval}', 'stockpipe-market-api')['columns'] as unknown[]).splice(1, 1),
  ],
  ['alert-uids', 'one uid twice', alert((rule, all) => (rule.uid = all[1]?.uid ?? ''))],
  [
    'alert-source',
    'Cassandra',
    alert((rule) => ((rule.data[0] as AlertRule['data'][0]).datasourceUid = 'stockpipe-cassandra')),
  ],
  [
    'alert-threshold',
    'a variable',
    alert((rule) => rule.data[1]?.model.conditions?.[0]?.evaluator.params.splice(0, 1, 'limit')),
  ],
  ['alert-threshold', 'none', alert((rule) => (rule.data[1] as AlertRule['data'][0]).model.conditions?.splice(0))],
  ['alert-dollar', 'a variable', alert((rule) => (rule.annotations['summary'] = 'since $value'))],
  [
    'alert-metrics',
    'one that nobody exports',
    alert((rule) => ((rule.data[0] as AlertRule['data'][0]).model.expr = 'stockpipe_silence')),
  ],
  ['alert-dollar', 'a template', alert((rule) => (rule.annotations['description'] = 'since {{ $value }}'))],
  ['alert-description', 'none', alert((rule) => delete rule.annotations['description'])],
  [
    'alert-description',
    'a step that the runbook has no more',
    ({ runbook }) => {
      if (runbook instanceof Map) runbook.set('feed-is-silent', '- Wait.')
    },
  ],
  [
    'alert-description',
    'a section of which nothing is left',
    (around) => {
      alert((rule) => (rule.annotations['description'] = ''))(around)
      if (around.runbook instanceof Map) around.runbook.set('feed-is-silent', '')
    },
  ],
  ['install-image', 'the one that gets no new versions', install((one) => (one.image = 'grafana/grafana-oss:12.3.1'))],
  [
    'install-image',
    'one that the plugin does not promise to work in',
    install((one) => (one.image = 'grafana/grafana:13.2.0')),
  ],
  [
    'install-image',
    'one that knows no list to install first',
    install((one) => (one.image = 'grafana/grafana:12.0.4')),
  ],
  ['install-sync', 'while it serves', install(({ env }) => (env['GF_PLUGINS_PREINSTALL'] = PLUGINS.join()))],
  ['install-sync', 'as it was done once', install(({ env }) => (env['GF_INSTALL_PLUGINS'] = PLUGINS.join()))],
  ['install-sync', 'nothing', install(({ env }) => delete env['GF_PLUGINS_PREINSTALL_SYNC'])],
  [
    'install-sync',
    'whichever version is the newest',
    install(({ env }) => (env['GF_PLUGINS_PREINSTALL_SYNC'] = 'hadesarchitect-cassandra-datasource')),
  ],
  [
    'install-disabled',
    'without its own plugins',
    install(({ env }) => (env['GF_PLUGINS_PREINSTALL_DISABLED'] = 'true')),
  ],
  [
    'install-signed',
    'a plugin of its own',
    install(({ env }) => (env['GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS'] = 'hadesarchitect-cassandra-datasource')),
  ],
  ['alert-runbook', 'no section', alert((rule) => (rule.annotations['runbook_url'] = 'docs/operations.md#none'))],
]

/** What cannot break one rule without another; all the rest break theirs alone. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  'select: another statement': ['no-hole'],
  'no-filtering: ALLOW FILTERING': ['no-hole'],
  'types: a table that is not there': ['first-column', 'shape'],
  'bounded: no limit': ['no-hole'],
  'bounded: a limit too high': ['no-hole'],
  'partition: all symbols': ['first-column'],
  'symbol: one symbol': ['hard-wired'],
  'formats: no format': ['symbol'],
  'formats: a symbol as a text': ['symbol'],
  'sources: a uid that is not there': ['one-mode'],
  'sources: another type': ['table-format', 'metrics'],
  'one-mode: two sources': ['metrics'],
  'fast-panels: two panels more': ['layout'],
  'macros: a variable without braces': ['symbol'],
  'variable: its CQL as a text': ['select', 'one-partition'],
  'variable: its CQL under the key of a panel': ['select'],
  'stat-value: several rows': ['newest-first'],
  'variables: one that is not defined': ['partition-before'],
  'alert-dollar: a template': ['alert-description'],
  'alert-runbook: no section': ['alert-description'],
}

describe('every rule finds what breaks it, and no other does', () => {
  test.each(SEEDED)('%s: %s', async (rule, how, seed) => {
    const around = await surroundings()
    seed(around)
    const broken = new Set(lint(around).map((found) => found.rule))
    expect([...broken].toSorted()).toEqual([rule, ...(ALSO[`${rule}: ${how}`] ?? [])].toSorted())
  })

  test('and none is without an example', () => {
    const rules = [DASHBOARD_RULES, CQL_RULES, API_RULES, ALERT_RULES, SOURCE_RULES, INSTALL_RULES].flatMap((some) =>
      Object.keys(some),
    )
    expect([...new Set(SEEDED.map(([rule]) => rule))].toSorted()).toEqual(rules.toSorted())
  })
})
