import { describe, expect, test } from 'bun:test'
import { cp, exists, mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import packageJson from '../package.json' with { type: 'json' }
import { canary, traces } from './canary.ts'
import { type CopyLine, instructionsOf, stagesOf } from './container.ts'
import { promtool, PROMTOOL } from './prometheus.ts'
import { CASSANDRA_VERSION } from './services/cassandra.ts'
import { KAFKA_VERSION } from './services/kafka.ts'
import { readSettings } from '../src/config.ts'
import { envOf } from '../src/config/option.ts'
import { KEYS, OPTIONS } from '../src/config/options.ts'

const ROOT = resolve(import.meta.dir, '..')
const OUR_ROLES = ['producer', 'processor', 'api'] as const
/** What a person may set before starting it all. */
const SURROUNDINGS = [
  ['nothing', {}],
  ['a token and symbols', { FINNHUB_API_TOKEN: canary('finnhub'), FINNHUB_STOCKS_TICKERS: 'AAPL,BINANCE:BTCUSDT' }],
] as const
/** What a person may set that is secret, and the one variable of one container that it is for. */
const SECRETS: Readonly<Record<string, string>> = {
  FINNHUB_API_TOKEN: 'producer STOCKPIPE_FINNHUB_TOKEN',
  GRAFANA_ADMIN_PASSWORD: 'grafana GF_SECURITY_ADMIN_PASSWORD',
  SUPERSET_ADMIN_PASSWORD: 'superset SUPERSET_ADMIN_PASSWORD',
  SUPERSET_SECRET_KEY: 'superset SUPERSET_SECRET_KEY',
  STOCKPIPE_TRINO_CASSANDRA_PASSWORD: 'trino STOCKPIPE_TRINO_CASSANDRA_PASSWORD',
  CASSANDRA_UI_PASSWORD: 'cassandra-ui CASSANDRA_PASSWORD',
}

interface Service {
  image: string
  build?: string
  environment?: Record<string, string | number>
  command?: string[]
  ports?: string[]
  volumes?: string[]
  tmpfs?: string[]
  depends_on?: Record<string, { condition: string }>
  healthcheck?: { test: string[] }
  read_only?: boolean
  mem_limit?: string
}

interface Compose {
  services: Record<string, Service>
  volumes: Record<string, unknown>
}

const compose = Bun.YAML.parse(await Bun.file(join(ROOT, 'compose.yaml')).text()) as Compose
const services = Object.entries(compose.services)
const dockerfile = await Bun.file(join(ROOT, 'Dockerfile')).text()
const instructions = instructionsOf(dockerfile)
const stages = stagesOf(instructions)

/** `${A:-b}`, `${A:+b}` and `${A:?b}`, of what is set, as Compose replaces them. */
const interpolated = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\$\{(\w+)(:[-+?])([^}]*)\}/g, (_, name: string, operator: string, word: string) => {
    const value = env[name] ?? ''
    if (operator === ':+') return value && word
    return value || (operator === ':-' ? word : '')
  })

const imageEnvironment = Object.fromEntries(
  stages
    .at(-1)
    ?.of('ENV')
    .flatMap((text) => [...text.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key, value])) ?? [],
) as Record<string, string>

const environmentOf = (service: Service, env: Readonly<Record<string, string>>): Record<string, string> => ({
  ...imageEnvironment,
  ...Object.fromEntries(
    Object.entries(service.environment ?? {}).map(([name, value]) => [name, interpolated(String(value), env)]),
  ),
})

const serviceOf = (name: string): Service => {
  const service = compose.services[name]
  if (service === undefined) throw new Error(`there is no service ${name}`)
  return service
}

const mounts = services.flatMap(([, service]) =>
  (service.volumes ?? []).map((mount) => {
    const [source = '', target = '', mode = 'rw'] = mount.split(':')
    return { source, target, mode }
  }),
)

const repositoryOf = (image: string): string => image.replace(/:[^:/]+$/, '')

describe('compose.yaml', () => {
  test.each(OUR_ROLES.flatMap((role) => SURROUNDINGS.map(([what, env]) => [role, what, env] as const)))(
    'gives %s, with %s around it, settings that it takes',
    (role, _what, env) => {
      const given = environmentOf(serviceOf(role), env)
      const known = new Set(KEYS.map(envOf))
      expect(Object.keys(given).filter((name) => !known.has(name))).toEqual([])
      const { loaded, problems } = readSettings({ command: 'run', flags: {}, env: given, cwd: import.meta.dir })
      expect([problems, loaded.warnings]).toEqual([[], []])
      const isReal = 'FINNHUB_API_TOKEN' in env
      expect(loaded.settings).toMatchObject({
        role: [role],
        broker: 'kafka',
        store: 'cassandra',
        feed: isReal ? 'finnhub' : 'simulated',
        finnhubToken: isReal && role === 'producer' ? env.FINNHUB_API_TOKEN : null,
        avroFraming: 'confluent',
        listen: { host: '0.0.0.0', port: 8080 },
        dataDir: '/data',
      })
      expect(loaded.settings.symbols).toEqual(isReal ? ['AAPL', 'BINANCE:BTCUSDT'] : OPTIONS.symbols.default)
    },
  )

  test('names images by a version, and ours by its own', () => {
    for (const [name, { image, build }] of services) {
      expect([name, image]).toEqual([name, expect.stringMatching(/^[\w./-]+:v?\d+\.\d+\.\d+$/)])
      expect([name, build]).toEqual([name, image.startsWith('stockpipe:') ? '.' : undefined])
      if (build !== undefined) expect(image).toBe(`stockpipe:${packageJson.version}`)
    }
  })

  test('opens ports to this machine alone', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? [])
    expect(ports).toContain('127.0.0.1:8080:8080')
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length)
  })

  test('waits for services that are there and say when they are ready', () => {
    for (const [name, service] of services)
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect([name, condition]).toEqual([name, 'service_healthy'])
        expect([other, serviceOf(other).healthcheck?.test[0]]).toEqual([other, 'CMD'])
      }
  })

  test('mounts volumes that it declares, and declares none in vain', () => {
    const named = mounts.filter(({ source }) => !source.startsWith('./')).map(({ source }) => source)
    expect(named.toSorted()).toEqual(Object.keys(compose.volumes).toSorted())
  })

  test('mounts folders of this repository, only to be read', async () => {
    const folders = mounts.filter(({ source }) => source.startsWith('./'))
    expect(folders).not.toBeEmpty()
    for (const { source, mode } of folders) {
      const found = await stat(join(ROOT, source)).catch(() => null)
      expect([source, found?.isDirectory(), mode]).toEqual([source, true, 'ro'])
    }
  })

  test('lets no service take more memory than it was given', () => {
    for (const [name, { mem_limit }] of services)
      expect([name, mem_limit]).toEqual([name, expect.stringMatching(/^\d+[mg]$/)])
  })

  test('gives Grafana what its provisioning asks for, and nothing that it does not', async () => {
    const { environment = {}, volumes = [] } = serviceOf('grafana')
    const asked = new Set<string>()
    for await (const path of new Bun.Glob('grafana/provisioning/**/*.yaml').scan(ROOT))
      for (const [, name = ''] of (await Bun.file(join(ROOT, path)).text()).matchAll(/\$\{?(STOCKPIPE_\w+)/g))
        asked.add(name)
    const given = Object.keys(environment).filter((name) => name.startsWith('STOCKPIPE_'))
    expect(given.toSorted()).toEqual([...asked].toSorted())
    const providers = await Bun.file(join(ROOT, 'grafana/provisioning/dashboards/stockpipe.yaml')).text()
    const { path } =
      (Bun.YAML.parse(providers) as { providers: { options: { path: string } }[] }).providers[0]?.options ?? {}
    expect(volumes).toContain(`./grafana/dashboards:${path}:ro`)
  })

  test('tells Grafana and the Kafka UI addresses where something listens', () => {
    const { environment: grafana = {} } = serviceOf('grafana')
    const { environment: ui = {} } = serviceOf('kafka-ui')
    expect(grafana['STOCKPIPE_GRAFANA_CASSANDRA_HOSTS']).toBe('cassandra:9042')
    expect(grafana['STOCKPIPE_GRAFANA_CASSANDRA_KEYSPACE']).toBe(OPTIONS.cassandraKeyspace.default)
    for (const url of [grafana['STOCKPIPE_GRAFANA_API_URL'], ui['KAFKA_CLUSTERS_0_SCHEMAREGISTRY']])
      expect(url).toBe('http://api:8080')
    expect(ui['KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS']).toBe(environmentOf(serviceOf('api'), {})['STOCKPIPE_KAFKA_BROKERS'])
    expect(ui['KAFKA_CLUSTERS_0_READONLY']).toBe('true')
  })

  // Docker mounts a tmpfs with `noexec`, unless it is told otherwise.
  test('lets the Kafka UI load the library that it unpacks for compressed records', () => {
    expect(serviceOf('kafka-ui').tmpfs).toEqual(['/tmp:exec'])
  })

  test('tells Grafana how often Prometheus scrapes', async () => {
    const config = Bun.YAML.parse(await Bun.file(join(ROOT, 'grafana/prometheus/prometheus.yaml')).text()) as {
      global: { scrape_interval: string }
    }
    const { environment = {} } = serviceOf('grafana')
    expect(environment['STOCKPIPE_GRAFANA_PROMETHEUS_INTERVAL']).toBe(config.global.scrape_interval)
  })

  test('gives Prometheus a configuration that is mounted, and Grafana its address', () => {
    const { command = [], volumes = [] } = serviceOf('prometheus')
    expect(volumes).toContain('./grafana/prometheus:/etc/stockpipe:ro')
    expect(command).toContain('--config.file=/etc/stockpipe/prometheus.yaml')
    expect(volumes).toContain(`prometheus:${/path=(\S+)/.exec(command.join(' '))?.[1] ?? ''}`)
    expect(serviceOf('grafana').environment?.['STOCKPIPE_GRAFANA_PROMETHEUS_URL']).toBe('http://prometheus:9090')
  })

  test('has Prometheus read every role', async () => {
    const config = Bun.YAML.parse(await Bun.file(join(ROOT, 'grafana/prometheus/prometheus.yaml')).text()) as {
      scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[]
    }
    const found = config.scrape_configs.flatMap(({ dns_sd_configs }) => dns_sd_configs)
    expect(found).toMatchObject([{ names: [...OUR_ROLES], port: 8080 }])
  })

  test.skipIf(PROMTOOL === null)('gives Prometheus a configuration and rules that it takes', async () => {
    const said = await promtool('check', 'config', join(ROOT, 'grafana/prometheus/prometheus.yaml'))
    expect([said.code, said.text]).toEqual([0, expect.stringContaining('is valid prometheus config file')])
  })

  test('runs the images that the manifests name, in the same versions, those that the tests run too', async () => {
    const named: string[] = []
    for await (const path of new Bun.Glob('manifests/base/*.yaml').scan(ROOT))
      for (const [, image = ''] of (await Bun.file(join(ROOT, path)).text()).matchAll(/^ *image: (\S+)$/gm))
        named.push(image)
    for (const [, { image }] of services.filter(([name]) => name !== 'prometheus'))
      expect(new Set(named.filter((one) => repositoryOf(one) === repositoryOf(image)))).toEqual(new Set([image]))
    expect(serviceOf('kafka').image).toBe(`apache/kafka:${KAFKA_VERSION}`)
    expect(serviceOf('cassandra').image).toBe(`cassandra:${CASSANDRA_VERSION}`)
    const manual = await Bun.file(join(ROOT, 'docs/servers.md')).text()
    expect(manual).toContain(`Tested with ${KAFKA_VERSION} and ${CASSANDRA_VERSION}.`)
  })

  test('gives each role of ours a folder for data, and nothing else to write to', () => {
    for (const role of OUR_ROLES) {
      const { read_only, volumes = [], tmpfs = [] } = serviceOf(role)
      const places = [...volumes, ...tmpfs].map((mount) => /\/data(?=:|$)/.exec(mount)?.[0])
      expect([role, read_only, places]).toEqual([role, true, ['/data']])
    }
  })

  test('names addresses where something listens', () => {
    const { environment: kafka = {} } = serviceOf('kafka')
    const listeners = (key: string) =>
      Object.fromEntries(
        String(kafka[key])
          .split(',')
          .map((text) => text.split('://') as [string, string]),
      )
    expect(listeners('KAFKA_ADVERTISED_LISTENERS')).toEqual({ INSIDE: 'kafka:9092', HOST: '127.0.0.1:9094' })
    expect(listeners('KAFKA_LISTENERS')).toMatchObject({ INSIDE: ':9092', HOST: ':9094' })
    expect(serviceOf('kafka').ports).toEqual(['127.0.0.1:9094:9094'])
    for (const role of OUR_ROLES) {
      const env = environmentOf(serviceOf(role), {})
      expect(env['STOCKPIPE_KAFKA_BROKERS']).toBe(listeners('KAFKA_ADVERTISED_LISTENERS')['INSIDE'] ?? '')
      serviceOf(env['STOCKPIPE_CASSANDRA_CONTACT_POINTS'] ?? '')
    }
  })

  test('has Cassandra sync a row before it acknowledges it', () => {
    const options = String(serviceOf('cassandra').environment?.['JVM_EXTRA_OPTS']).split(' ')
    expect(options).toContain('-Dcassandra.config.allow_system_properties=true')
    expect(options).toContain('-Dcassandra.settings.commitlog_sync=group')
  })
})

test('each secret is given to the one container that it is for, in its environment', async () => {
  const texts = await Promise.all(
    [...new Bun.Glob('compose*.yaml').scanSync(ROOT)].map((name) => Bun.file(join(ROOT, name)).text()),
  )
  const asked = texts.flatMap((text) => [...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name))
  const secret = new Set(asked.filter((name) => /TOKEN|PASSWORD|SECRET|KEY|CREDENTIAL/.test(name)))
  expect([...secret].toSorted()).toEqual(Object.keys(SECRETS).toSorted())
  const env = Object.fromEntries(Object.keys(SECRETS).map((name) => [name, canary(name)]))
  const found = texts
    .map((text) => Bun.YAML.parse(interpolated(text, env)) as Compose)
    .flatMap((file) => Object.entries(file.services))
    .flatMap(([service, { environment = {}, ...rest }]) => [
      ...traces(JSON.stringify(rest)).map(() => [service, 'outside of its environment']),
      ...Object.entries(environment)
        .filter(([name, value]) => traces(name + String(value)).length > 0)
        .map(([name, value]) => [String(value), `${service} ${name}`]),
    ])
  expect(found.toSorted()).toEqual(
    Object.entries(SECRETS)
      .map(([name, place]) => [canary(name), place])
      .toSorted(),
  )
})

const overlay = Bun.YAML.parse(await Bun.file(join(ROOT, 'compose.cassandra-ui.yaml')).text()) as Compose

describe('compose.cassandra-ui.yaml', () => {
  const ui = overlay.services['cassandra-ui']

  test('adds one service, and changes none that is there', () => {
    expect(Object.keys(overlay)).toEqual(['services'])
    expect(Object.keys(overlay.services)).toEqual(['cassandra-ui'])
    expect(Object.keys(compose.services)).not.toContain('cassandra-ui')
  })

  test('pins the image, takes a bounded memory, and waits for a service that says when it is ready', () => {
    expect(ui?.image).toMatch(/^[\w./-]+:v\d+\.\d+\.\d+$/)
    expect(ui?.mem_limit).toMatch(/^\d+[mg]$/)
    for (const name of Object.keys(ui?.depends_on ?? {})) expect(serviceOf(name).healthcheck?.test[0]).toBe('CMD')
  })

  test('is for this machine alone, at a port that nothing else has and that the page listens on', async () => {
    const others = [...new Bun.Glob('compose*.yaml').scanSync(ROOT)].filter((name) => !name.includes('cassandra-ui'))
    const texts = await Promise.all(others.map((name) => Bun.file(join(ROOT, name)).text()))
    const taken = texts.flatMap((text) => [...text.matchAll(/- 127\.0\.0\.1:(\d+):/g)].map(([, port]) => port))
    expect(taken).toContain('8080')
    const [host = '', port = '', inside = ''] = ui?.ports?.[0]?.split(':') ?? []
    expect([ui?.ports?.length, host, taken.includes(port)]).toEqual([1, '127.0.0.1', false])
    expect(ui?.environment?.['HOST_PORT']).toBe(`:${inside}`)
  })

  test('asks for reading alone, of the Cassandra beside it or of one that is named, without a login in the file', () => {
    const given = (env: Readonly<Record<string, string>>) =>
      Object.entries(ui?.environment ?? {}).map(([name, value]) => [name, interpolated(String(value), env)])
    const plain = Object.fromEntries(given({})) as Record<string, string>
    expect(plain).toMatchObject({ READ_ONLY: 'true', CASSANDRA_HOST: 'cassandra', CASSANDRA_PORT: '9042' })
    expect([plain['CASSANDRA_USERNAME'], plain['CASSANDRA_PASSWORD']]).toEqual(['', ''])
    serviceOf(plain['CASSANDRA_HOST'] ?? '')
    const named = Object.fromEntries(given({ CASSANDRA_UI_HOST: 'db', CASSANDRA_UI_USERNAME: 'looker' }))
    expect(named).toMatchObject({ CASSANDRA_HOST: 'db', CASSANDRA_USERNAME: 'looker' })
  })
})

describe('Dockerfile', () => {
  const copies = stages[0]?.copies ?? []

  test('builds with the Bun of package.json on images named by a version', () => {
    expect(stages.map(({ image }) => image)).toEqual([
      `oven/bun:${packageJson.devDependencies.bun}`,
      'gcr.io/distroless/base-debian12:nonroot',
    ])
    expect(dockerfile).toContain(`org.opencontainers.image.version="${packageJson.version}"`)
    expect(dockerfile).toContain(`stockpipe:${packageJson.version}`)
  })

  test('copies what is there, and .dockerignore lets it through and nothing else', async () => {
    const sources = copies.flatMap(({ sources }) => sources)
    const ignore = (await Bun.file(join(ROOT, '.dockerignore')).text()).split('\n').filter((line) => /^[^#]/.test(line))
    expect(ignore.toSorted()).toEqual(['*', ...sources.map((source) => `!${source}`)].toSorted())
    for (const source of sources) expect([source, await exists(join(ROOT, source))]).toEqual([source, true])
  })

  test('runs the executable as a user without rights, which owns the data', () => {
    const last = stages.at(-1)
    expect(last?.of('USER')).toEqual(['65532:65532'])
    expect(last?.of('ENTRYPOINT')).toEqual(['["/stockpipe"]'])
    expect(last?.of('CMD')).toEqual(['["run"]'])
    expect(last?.of('EXPOSE')).toEqual(['8080'])
    expect(last?.copies).toEqual([
      { sources: ['/source/dist/stockpipe'], target: '/stockpipe', options: ['--from=build'] },
      { sources: ['/data'], target: '/data', options: ['--from=build', '--chown=65532:65532'] },
    ])
  })

  test('copies enough to build, where there is no git', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stockpipe-image-'))
    try {
      await lay(copies, folder)
      const bun = join(ROOT, 'node_modules/.bin/bun')
      const env = { PATH: '', HOME: folder, STOCKPIPE_COMMIT: 'abc123' }
      const built = Bun.spawnSync([bun, 'build.ts'], { cwd: folder, env })
      expect([built.exitCode, built.stderr.toString()]).toEqual([0, ''])
      const said = Bun.spawnSync([join(folder, 'dist/stockpipe'), 'version'], { cwd: folder, env: {} })
      expect(said.stdout.toString()).toStartWith(`stockpipe ${packageJson.version} (abc123, `)
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 60_000)
})

/** The first stage's folder, with the packages of this one. */
async function lay(copies: readonly CopyLine[], folder: string): Promise<void> {
  for (const { sources, target } of copies)
    for (const source of sources)
      await cp(join(ROOT, source), join(folder, target, sources.length > 1 ? source : ''), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
}
