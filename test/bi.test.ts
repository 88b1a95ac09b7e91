import { expect, test } from 'bun:test'
import { copyFile, exists, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'

import { temporaryFolder } from './binary.ts'
import { canary, expectNoCanary } from './canary.ts'
import { startSuperset } from './superset.fixture.ts'
import { tablesOf } from '../grafana/lint/statement.ts'
import { OPTIONS } from '../src/config/options.ts'
import { INTERVALS } from '../src/trade.ts'
import { blocksOf } from './manual/blocks.ts'
import { runBlock } from './manual/scene.ts'

const ROOT = resolve(import.meta.dir, '..')
const ASSETS = join(ROOT, 'bi/superset/assets')
const read = (path: string): Promise<string> => Bun.file(join(ROOT, path)).text()
const parsed = async <Shape>(path: string): Promise<Shape> => Bun.YAML.parse(await read(path)) as Shape

interface Service {
  image: string
  ports?: string[]
  volumes?: string[]
  environment?: Record<string, string | number>
  mem_limit?: string
  cap_drop?: string[]
  healthcheck?: { test: string[] }
  depends_on?: Record<string, { condition: string }>
}

interface Compose {
  services: Record<string, Service>
  volumes: Record<string, unknown>
}

interface Dataset {
  table_name: string
  main_dttm_col: string | null
  schema: string
  catalog: string
  sql: string
  uuid: string
  database_uuid: string
  columns: { column_name: string; type: string; is_dttm: boolean }[]
  metrics: { metric_name: string; expression: string }[]
}

interface Chart {
  slice_name: string
  viz_type: string
  uuid: string
  dataset_uuid: string
  params: {
    viz_type: string
    x_axis?: string
    groupby?: string[]
    metrics?: string[]
    all_columns?: string[]
    order_by_cols?: string[]
    timeseries_limit_metric?: string
    row_limit: number
    adhoc_filters: { subject: string }[]
  }
}

interface Filter {
  name: string
  filterType: string
  targets: { datasetUuid?: string; column?: { name: string } }[]
  controlValues: { enableEmptyFilter: boolean }
  defaultDataMask: { filterState: { value: string[] } }
  scope: { excluded: number[] }
}

interface Dashboard {
  uuid: string
  position: Record<string, string | { type: string; children?: string[]; meta?: { chartId: number; uuid: string } }>
  metadata: { native_filter_configuration: Filter[] }
}

const [base, overlay] = await Promise.all([parsed<Compose>('compose.yaml'), parsed<Compose>('compose.bi.yaml')])
const added = Object.entries(overlay.services)
const environmentOf = (name: string) => overlay.services[name]?.environment ?? {}

async function assets<Shape>(pattern: string): Promise<[string, Shape][]> {
  const paths = [...new Bun.Glob(pattern).scanSync(ASSETS)].toSorted()
  return Promise.all(
    paths.map(async (path) => [path, await parsed<Shape>(join('bi/superset/assets', path))] as const),
  ).then((all) => all.map(([path, shape]) => [path, shape]))
}

const databases = await assets<{ uuid: string; sqlalchemy_uri: string; allow_dml: boolean }>('databases/*.yaml')
const datasets = (await assets<Dataset>('datasets/*/*.yaml')).map(([, dataset]) => dataset)
const charts = (await assets<Chart>('charts/*.yaml')).map(([, chart]) => chart)
const dashboard = await parsed<Dashboard>('bi/superset/assets/dashboards/market.yaml')
const tables = tablesOf(await read('src/stream/store/cassandra/schema.cql'))
const placed = Object.values(dashboard.position).flatMap((place) =>
  typeof place !== 'string' && place.type === 'CHART' && place.meta !== undefined ? [place.meta] : [],
)

/** What Trino makes of the types that Cassandra knows, as its driver names them. */
const TRINO_TYPES: Readonly<Record<string, string>> = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  int: 'INTEGER',
  bigint: 'BIGINT',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMP(3) WITH TIME ZONE',
}

/** Tables with so few rows that reading them whole costs nothing; of one that grows, what is asked for. */
const SMALL: Readonly<Record<string, string>> = { latest: '', gaps: "from_ts >= now() - INTERVAL '30' DAY" }

function taken(sql: string) {
  const [, list = '', table = '', where = ''] = /^SELECT\n([^]+?)\nFROM (\w+)(?:\nWHERE ([^]+))?\n$/.exec(sql) ?? []
  const columns = list.split(',\n').map((line) => {
    const [expression = '', name = expression] = line.trim().split(' AS ')
    return { expression, name }
  })
  return { table, columns, where }
}

/** The columns that an expression reckons with. */
const wordsOf = (expression: string): string[] =>
  expression.replaceAll(/'[^']*'|\w+\(|\b\d\w*/g, ' ').match(/[a-z_]+/g) ?? []

test('the overlay adds services to those of compose.yaml, and changes none', () => {
  expect(Object.keys(overlay.services)).toEqual(['trino', 'superset'])
  for (const name of [...Object.keys(overlay.services), ...Object.keys(overlay.volumes)])
    expect([name, name in base.services || name in base.volumes]).toEqual([name, false])
  for (const [name, { depends_on = {} }] of added)
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const found = overlay.services[other] ?? base.services[other]
      expect([name, other, found?.healthcheck?.test[0], condition]).toEqual([name, other, 'CMD', 'service_healthy'])
    }
})

test('nothing of it is in compose.yaml: it is off by default', async () => {
  expect(await read('compose.yaml')).not.toMatch(/trino|superset/i)
})

test('its ports are of this machine alone, and free beside the others', () => {
  const ports = added.flatMap(([, { ports = [] }]) => ports)
  expect(ports).toHaveLength(added.length)
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
  const all = [...ports, ...Object.values(base.services).flatMap(({ ports = [] }) => ports)]
  expect(new Set(all.map((port) => port.split(':')[1])).size).toBe(all.length)
})

test('its services have a version, a limit of memory, a health check and no rights to spare', () => {
  for (const [name, { image, mem_limit, cap_drop, healthcheck }] of added) {
    expect([name, image]).toEqual([name, expect.stringMatching(/^[\w./-]+:\d+(\.\d+\.\d+)?$/)])
    expect([name, mem_limit]).toEqual([name, expect.stringMatching(/^\d+[mg]$/)])
    expect([name, cap_drop, healthcheck?.test[0]]).toEqual([name, ['ALL'], 'CMD'])
  }
})

test('it mounts what is there, to be read, and keeps the rest in volumes of its own', async () => {
  const mounts = added.flatMap(([, { volumes = [] }]) => volumes.map((mount) => mount.split(':')))
  for (const [source = '', , mode] of mounts)
    if (source.startsWith('./')) {
      expect([source, await exists(join(ROOT, source)), mode]).toEqual([source, true, 'ro'])
    } else expect(Object.keys(overlay.volumes)).toContain(source)
})

test('Superset starts by files that are there', async () => {
  const [mount = ''] = overlay.services['superset']?.volumes ?? []
  const { SUPERSET_CONFIG_PATH: config = '', SUPERSET_PORT: port } = environmentOf('superset')
  expect([mount, await exists(join(ROOT, 'bi/superset', basename(String(config))))]).toEqual([
    './bi/superset:/etc/stockpipe:ro',
    true,
  ])
  expect(overlay.services['superset']?.ports).toEqual([`127.0.0.1:8088:${port ?? ''}`])
  const script = await read('bi/superset/start.sh')
  const used = [...script.matchAll(/\$here\/([\w.]+)/g)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'wheels')
  expect(used).toContain('prepare.py')
  for (const name of used) expect([name, await exists(join(ROOT, 'bi/superset', name))]).toEqual([name, true])
  expect(Bun.spawnSync(['bash', '-n', join(ROOT, 'bi/superset/start.sh')]).exitCode).toBe(0)
  for (const line of (await read('bi/superset/requirements.txt')).split('\n').filter((line) => /^[^#]/.test(line)))
    expect(line).toMatch(/^[\w-]+==\d[\w.]+$/)
})

test('Superset has no password that others know: it is asked for', () => {
  const { SUPERSET_ADMIN_PASSWORD, SUPERSET_SECRET_KEY } = environmentOf('superset')
  expect(SUPERSET_ADMIN_PASSWORD).toMatch(/^\$\{SUPERSET_ADMIN_PASSWORD:\?[^}]+\}$/)
  expect(SUPERSET_SECRET_KEY).toBe('${SUPERSET_SECRET_KEY:-}')
})

test.each(['', 'admin', '1234567'])('Superset does not start with the password %j', (password) => {
  const env = { PATH: process.env['PATH'], SUPERSET_HOME: '/nowhere', SUPERSET_ADMIN_PASSWORD: password }
  const { exitCode, stdout, stderr } = Bun.spawnSync(['bash', join(ROOT, 'bi/superset/start.sh')], { env })
  const said = stderr.toString()
  expect([exitCode, stdout.toString()]).toEqual([1, ''])
  for (const word of ['error: ', '  why: ', '  try: ', 'SUPERSET_ADMIN_PASSWORD']) expect(said).toContain(word)
})

test.each([
  ['starts', '', 0],
  ['cannot make its tables', 'db', 1],
  ['refuses the password', 'password', 1],
] as const)('Superset that %s says, keeps and hands on no secret that it was given', async (_, fails, code) => {
  using folder = temporaryFolder()
  const [password, key] = [canary('superset'), canary('key')]
  const secrets = { SUPERSET_ADMIN_PASSWORD: password, SUPERSET_SECRET_KEY: key }
  const { exitCode, said, commands } = await startSuperset(folder.path, { fails, ...secrets })
  const home = join(folder.path, 'home')
  const kept = [...new Bun.Glob('**').scanSync({ cwd: home, onlyFiles: true })].toSorted()
  const files = await Promise.all(kept.map((name) => Bun.file(join(home, name)).text()))
  expectNoCanary('what its start says, calls and keeps', [said, commands, ...kept, ...files].join('\n'))
  expect([exitCode, commands.includes('gunicorn ')]).toEqual([code, code === 0])
  expect(kept).toEqual(['driver/requirements.txt', ...(code === 0 ? ['edition'] : [])])
  const used = [`password ${sha256(password)}`, `key ${sha256(key)}`]
  expect(used.map((line) => said.includes(line))).toEqual(used.map(() => fails !== 'db'))
})

test('Superset without a key makes one that nobody else may read, and keeps it', async () => {
  using folder = temporaryFolder()
  const start = () => startSuperset(folder.path, { SUPERSET_ADMIN_PASSWORD: canary('superset') })
  const file = join(folder.path, 'home/secret-key')
  const first = await start()
  const key = await Bun.file(file).text()
  expect(key).toMatch(/^[\w-]{56}$/)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  for (const { exitCode, said, commands } of [first, await start()]) {
    expect([exitCode, (said + commands).includes(key)]).toEqual([0, false])
    expect(said).toContain(`key ${sha256(key)}`)
  }
})

const sha256 = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex')

test('the catalogue has keys of the connector, and takes its values from the environment of Trino', async () => {
  const text = await read('bi/trino/catalog/cassandra.properties')
  const properties = new Map(
    text
      .split('\n')
      .filter((line) => /^[^#]/.test(line))
      .map((line) => line.split('=', 2) as [string, string]),
  )
  expect([...properties.keys()].toSorted()).toEqual([
    'cassandra.consistency-level',
    'cassandra.contact-points',
    'cassandra.load-policy.dc-aware.local-dc',
    'cassandra.native-protocol-port',
    'cassandra.password',
    'cassandra.security',
    'cassandra.username',
    'connector.name',
  ])
  expect([properties.get('connector.name'), properties.get('cassandra.security')]).toEqual(['cassandra', 'PASSWORD'])
  const asked = [...text.matchAll(/\$\{ENV:(\w+)\}/g)].map(([, name = '']) => name)
  const given = Object.keys(environmentOf('trino')).filter((name) => name.startsWith('STOCKPIPE_'))
  expect(given.toSorted()).toEqual(asked.toSorted())
  expect(properties.get('cassandra.password')).toBe('${ENV:STOCKPIPE_TRINO_CASSANDRA_PASSWORD}')
})

test('through Trino nobody writes', async () => {
  expect(await read('bi/trino/access-control.properties')).toContain('\naccess-control.name=read-only\n')
  expect(overlay.services['trino']?.volumes).toContain(
    './bi/trino/access-control.properties:/etc/trino/access-control.properties:ro',
  )
  for (const [, { allow_dml }] of databases) expect(allow_dml).toBe(false)
})

test('Superset connects to the Trino of the overlay, without a password, by the catalogue that is there', () => {
  expect(databases.map(([, { sqlalchemy_uri }]) => sqlalchemy_uri)).toEqual([
    `trino://superset@trino:8080/cassandra/${OPTIONS.cassandraKeyspace.default}`,
  ])
  expect(overlay.services['trino']?.ports?.[0]).toEndWith(':8080')
})

test.each(datasets.map((dataset) => [dataset.table_name, dataset] as const))(
  'the dataset %s reads columns of ours, in their types',
  (_, { sql, schema, catalog, columns, main_dttm_col, database_uuid }) => {
    const found = taken(sql)
    const table = tables.get(found.table)
    expect([catalog, schema]).toEqual(['cassandra', OPTIONS.cassandraKeyspace.default])
    expect(database_uuid).toBe(databases[0]?.[1].uuid ?? '')
    expect(columns.map(({ column_name }) => column_name).toSorted()).toEqual(
      found.columns.map(({ name }) => name).toSorted(),
    )
    for (const { expression, name } of found.columns) {
      for (const word of wordsOf(expression)) expect([name, table?.types.has(word)]).toEqual([name, true])
      const column = columns.find(({ column_name }) => column_name === name)
      const type = expression === name ? TRINO_TYPES[table?.types.get(name) ?? ''] : 'DOUBLE'
      expect([name, column?.type, column?.is_dttm]).toEqual([name, type, type?.startsWith('TIMESTAMP')])
    }
    if (main_dttm_col !== null)
      expect(columns.find(({ column_name }) => column_name === main_dttm_col)?.is_dttm).toBe(true)
  },
)

test.each(datasets.map((dataset) => [dataset.table_name, dataset] as const))(
  'the dataset %s names each part of the partition key but the symbol, or reads a small table',
  (_, { sql }) => {
    const { table, where } = taken(sql)
    const named = [...where.matchAll(/(\w+) (?:= '|IN \()/g)].map(([, column = '']) => column)
    const key = tables.get(table)?.partitionKey.filter((column) => column !== 'symbol') ?? []
    if (table in SMALL) {
      expect(where).toBe(SMALL[table] ?? '')
      return
    }
    expect(named.toSorted()).toEqual(key.toSorted())
    const interval = /interval = '(\w+)'/.exec(where)?.[1]
    if (interval !== undefined) expect([...INTERVALS] as string[]).toContain(interval)
    // Trino works these out before it asks Cassandra, as long as they hang on nothing but the time.
    for (const [, value = ''] of where.matchAll(/^ +(date_format.*?),?$/gm))
      expect(value).toMatch(
        /^date_format\(now\(\) AT TIME ZONE 'UTC'( - INTERVAL '1' YEAR| - INTERVAL '\d' DAY)?, '%Y(-%m-%d)?'\)$/,
      )
    expect(where).not.toMatch(/IN \(\s*\)/)
  },
)

test('metrics reckon with columns of their dataset, under names that no column has', () => {
  for (const { table_name, columns, metrics } of datasets) {
    const names = columns.map(({ column_name }) => column_name)
    for (const { metric_name, expression } of metrics) {
      expect([table_name, metric_name, names.includes(metric_name)]).toEqual([table_name, metric_name, false])
      for (const word of wordsOf(expression))
        expect([table_name, metric_name, names.includes(word)]).toEqual([table_name, metric_name, true])
    }
  }
})

test.each(charts.map((chart) => [chart.slice_name, chart] as const))(
  'the chart %s asks its dataset for what it has, and for no more than some rows',
  (_, { dataset_uuid, params, viz_type }) => {
    const dataset = datasets.find(({ uuid }) => uuid === dataset_uuid)
    const columns = dataset?.columns.map(({ column_name }) => column_name) ?? []
    const metrics = dataset?.metrics.map(({ metric_name }) => metric_name) ?? []
    const ordered = (params.order_by_cols ?? []).map((order) => (JSON.parse(order) as [string, boolean])[0])
    const asked = [params.x_axis ?? [], params.groupby ?? [], params.all_columns ?? [], ordered].flat()
    const filtered = params.adhoc_filters.map(({ subject }) => subject)
    expect(asked.length + (params.metrics ?? []).length).toBeGreaterThan(0)
    for (const column of [...asked, ...filtered]) expect(columns).toContain(column)
    for (const metric of [params.metrics ?? [], params.timeseries_limit_metric ?? []].flat())
      expect(metrics).toContain(metric)
    expect(filtered).toEqual(dataset?.main_dttm_col === null ? [] : [dataset?.main_dttm_col ?? ''])
    expect(params.viz_type).toBe(viz_type)
    expect(params.row_limit).toBeWithin(1, 50_001)
  },
)

test('every uuid is one thing, and what refers to another finds it', () => {
  const uuids = [
    ...databases.map(([, { uuid }]) => uuid),
    ...[...datasets, ...charts, dashboard].map(({ uuid }) => uuid),
  ]
  expect(new Set(uuids).size).toBe(uuids.length)
  for (const uuid of uuids) expect(uuid).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)
  expect(placed.map(({ uuid }) => uuid).toSorted()).toEqual(charts.map(({ uuid }) => uuid).toSorted())
  expect(new Set(placed.map(({ chartId }) => chartId)).size).toBe(charts.length)
  const children = Object.values(dashboard.position).flatMap((place) =>
    typeof place === 'string' ? [] : (place.children ?? []),
  )
  for (const child of children) expect(Object.keys(dashboard.position)).toContain(child)
})

test('the assets can be packed as Superset imports them: in one folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stockpipe-bi-'))
  try {
    const zip = join(folder, 'stockpipe-dashboard.zip')
    const packed = Bun.spawnSync(['python3', '-m', 'zipfile', '-c', zip, 'bi/superset/assets'], { cwd: ROOT })
    expect([packed.exitCode, packed.stderr.toString()]).toEqual([0, ''])
    const listed = Bun.spawnSync(['python3', '-m', 'zipfile', '-l', zip]).stdout.toString()
    const names = [...listed.matchAll(/^(\S+\.yaml)/gm)].map(([, name = '']) => name.replace(/^assets\//, ''))
    expect(names.toSorted()).toEqual([...new Bun.Glob('**/*.yaml').scanSync(ASSETS)].toSorted())
    expect(listed).toContain('\nassets/metadata.yaml')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('the dashboard asks for symbols first: without one Trino would read whole tables', () => {
  const filters = dashboard.metadata.native_filter_configuration
  const bySymbol = filters.filter(({ filterType }) => filterType === 'filter_select')
  for (const { targets, controlValues, defaultDataMask } of bySymbol) {
    const dataset = datasets.find(({ uuid }) => uuid === targets[0]?.datasetUuid)
    expect([dataset?.table_name, targets[0]?.column?.name]).toEqual(['latest', 'symbol'])
    expect(controlValues.enableEmptyFilter).toBe(true)
    for (const symbol of defaultDataMask.filterState.value) expect(OPTIONS.symbols.default).toContain(symbol)
  }
  const reached = bySymbol.map(({ scope }) => placed.filter(({ chartId }) => !scope.excluded.includes(chartId)))
  expect(
    reached
      .flat()
      .map(({ chartId }) => chartId)
      .toSorted(),
  ).toEqual(placed.map(({ chartId }) => chartId).toSorted())
  expect(bySymbol.at(-1)?.defaultDataMask.filterState.value).toEqual([...OPTIONS.symbols.default])
})

test('the manual names the ports, the variables and the files of the overlay', async () => {
  const manual = await read('docs/bi.md')
  for (const [, { ports = [], image }] of added)
    for (const word of [image, ...ports.map((port) => port.split(':').slice(0, 2).join(':'))])
      expect(manual).toContain(word)
  for (const name of ['SUPERSET_ADMIN_PASSWORD', 'SUPERSET_SECRET_KEY', 'STOCKPIPE_TRINO_CASSANDRA_USER'])
    expect(manual).toContain(name)
})

test('the wheels that the manual fetches for Superset are there, of the versions that are pinned', async () => {
  const block = (await blocksOf('docs/bi.md')).find(({ text }) => text.includes('pip download'))
  if (block === undefined) throw new Error('the page has no such block')
  const folder = await mkdtemp(join(tmpdir(), 'stockpipe-wheels-'))
  try {
    await mkdir(join(folder, 'bi/superset'), { recursive: true })
    await copyFile(join(ROOT, 'bi/superset/requirements.txt'), join(folder, 'bi/superset/requirements.txt'))
    await runBlock(block, { folder })
    const wheels = [...new Bun.Glob('bi/superset/wheels/*.whl').scanSync(folder)].map((path) => basename(path))
    const pinned = [...(await read('bi/superset/requirements.txt')).matchAll(/^(\S+)==(\S+)$/gm)]
    expect(wheels.map((name) => name.split('-').slice(0, 2).join('=='))).toEqual(
      expect.arrayContaining(pinned.map(([line]) => line)),
    )
    expect(wheels).toHaveLength(pinned.length)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)
