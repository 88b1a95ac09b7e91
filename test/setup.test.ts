/** Topics, logins and tables made by `stockpipe setup`, then every role with the rights of its own, on real servers. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Finished, stockpipe, temporaryFolder } from './binary.ts'
import { canary } from './canary.ts'
import { blocksOf } from './manual/blocks.ts'
import { runBlock, type Scene } from './manual/scene.ts'
import { readiness, type Running, running, until } from './running.ts'
import { type CassandraServers, startCassandra } from './services/cassandra.ts'
import { canStartServices, kafkaForTests } from './services/services.ts'

setDefaultTimeout(180_000)

const kafka = await kafkaForTests()
const canRun = kafka !== null && canStartServices()
const name = `setup${process.pid}`
const COUNT = ['--partitions', '3']
const ANY_PORT = ['--listen', '127.0.0.1:0']
interface Stats {
  data: { lag_records: number | null }
}

const [setUpBlock, probeBlock] = (await blocksOf('docs/servers.md')).filter(({ text }) =>
  text.includes('stockpipe setup '),
)
if (setUpBlock === undefined || probeBlock === undefined) throw new Error('docs/servers.md shows no set-up')

const NAMES = ['superuser', 'writer', 'reader', 'grafana'] as const

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(!canRun)('a pipeline whose roles may do only what they must', () => {
  const folder = temporaryFolder()
  let cassandra: CassandraServers
  const log = ['--kafka-brokers', kafka?.brokers.join() ?? '', '--kafka-topic', name, '--kafka-group', name]
  const store = (keyspace = name) => {
    const { contactPoints, port } = cassandra
    const where = ['--cassandra-contact-points', contactPoints.join(), '--cassandra-port', String(port)]
    return [...where, '--cassandra-keyspace', keyspace]
  }
  const as = (who: 'writer' | 'reader', keyspace = name) => {
    const password = ['--cassandra-password-file', join(folder.path, who, 'password')]
    return [...store(keyspace), '--cassandra-username', `${name}-${who}`, ...password]
  }
  const role = (role: string, ...more: readonly string[]): Running =>
    running(['run', '--role', role, ...COUNT, ...ANY_PORT, ...log, ...more])
  /** As the manual calls servers and logins, and where they are. */
  const scene = (more: Record<string, string> = {}, env: Record<string, string> = {}): Scene => ({
    folder: folder.path,
    env: {
      STOCKPIPE_KAFKA_TOPIC: name,
      STOCKPIPE_KAFKA_GROUP: name,
      STOCKPIPE_CASSANDRA_KEYSPACE: name,
      STOCKPIPE_CASSANDRA_PORT: String(cassandra.port),
      ...env,
    },
    names: {
      'kafka:9092': kafka?.brokers.join() ?? '',
      'contact-points cassandra': `contact-points ${cassandra.contactPoints.join()}`,
      '--partitions 12': '--partitions 3',
      '/secrets/': `${folder.path}/`,
      ...more,
    },
  })
  const setUp = (...words: readonly string[]): Promise<Finished> => stockpipe(['setup', ...words, '--timeout', '60s'])
  const logins = () => NAMES.flatMap((who) => [`--${who}-login`, join(folder.path, who)])

  beforeAll(async () => {
    cassandra = await startCassandra({ auth: true, commitlogSync: 'group' })
    for (const who of NAMES) {
      mkdirSync(join(folder.path, who))
      writeFileSync(join(folder.path, who, 'username'), `${name}-${who}\n`)
      writeFileSync(join(folder.path, who, 'password'), `${canary(who)}'s\n`)
    }
  })
  afterAll(async () => {
    await cassandra.stop()
    folder[Symbol.dispose]()
  })

  test('is set up by two commands, and a second time there is nothing to do', async () => {
    const shown = await runBlock(setUpBlock, scene())
    for (const made of [`topic ${name} made, 3 partitions`, `keyspace ${name}: schema version 1 made`])
      expect(shown).toContain(made)
    const steps = [
      ['topics', ...log, ...COUNT],
      ['schema', ...store(), ...logins()],
    ]
    for (const step of steps)
      expect(await setUp(...step)).toEqual({
        code: 0,
        stderr: '',
        stdout: 'nothing to do: everything is as it should be\n',
      })
    const refused = await setUp('topics', ...log, '--partitions', '2')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(`topic ${name} keeps its 3 partitions`)
  })

  test('runs, passes a probe, and is verified, with probes among the trades', async () => {
    await using processor = role('processor', ...as('writer'))
    await using api = role('api', ...as('reader'))
    await using producer = role('producer', '--data-dir', join(folder.path, 'data'))
    const url = await api.url()
    for (const one of [processor, api, producer]) {
      const own = await one.url()
      await until(
        () => readiness(own),
        ({ status }) => status === 200,
      )
    }
    // The feed begins with a stretch of the past, faster than time goes.
    await until(
      async () => (await (await fetch(`${url}/v1/latest`)).json()) as { data: { trade_ts: number }[] },
      ({ data }) => data.length === 4 && data.some(({ trade_ts }) => trade_ts > Date.now() - 3_000),
    )
    const lag = async () => ((await (await fetch(`${url}/v1/stats`)).json()) as Stats).data.lag_records
    await until(lag, (records) => records === 0)
    const probes = []
    const env = {
      STOCKPIPE_CASSANDRA_USERNAME: `${name}-reader`,
      STOCKPIPE_CASSANDRA_PASSWORD_FILE: join(folder.path, 'reader', 'password'),
    }
    expect(await runBlock(probeBlock, scene({ 'http://api:8080': url }, env))).toMatch(/^api candles +ok /m)
    for (let count = 0; count < 2; count++) {
      probes.push(await setUp('probe', ...log, ...as('reader'), '--api', url))
      await Bun.sleep(1_000)
    }
    for (const probe of probes) {
      expect(probe).toMatchObject({ code: 0, stderr: '' })
      expect(probe.stdout.match(/^(log|trades|candles|api trades|api candles|copies) +ok +\d+ ms$/gm)).toHaveLength(6)
    }
    const verified = await stockpipe(['verify', ...log, ...as('reader'), '--api', url, '--json'])
    expect({ code: verified.code, stderr: verified.code === 0 ? '' : verified.stderr }).toEqual({ code: 0, stderr: '' })
    const gaps = (await (await fetch(`${url}/v1/gaps`)).json()) as { data: { symbol: string; cause: string }[] }
    expect(gaps.data).toEqual([])
    const late = (await (await fetch(`${url}/v1/late?symbol=STOCKPIPE:TEST`)).json()) as { data: unknown[] }
    expect(late.data).toEqual([])
    await until(lag, (records) => records !== null && records < 100)
    expect(await processor.stop()).toBe(0)
    // Nobody processes, and the producer goes on.
    await until(lag, (records) => records !== null && records > 100)
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^stockpipe_pipeline_lag_records \d{3}/m)
    await using another = role('processor', ...as('writer'))
    await until(lag, (records) => records !== null && records < 100)
    for (const one of [another, api, producer]) expect(await one.stop()).toBe(0)
    expect([processor, api, producer].flatMap((one) => one.named('processor.misplaced'))).toEqual([])
    expect([processor, api].flatMap((one) => one.named('cassandra.durability_unknown'))).toEqual([])
  })

  test('that does not process is found by a probe, which names the stage', async () => {
    const probe = await stockpipe(['setup', 'probe', '--timeout', '2s', ...log, ...as('reader')])
    expect(probe.code).toBe(1)
    expect(probe.stderr).toContain('did not pass the stage "trades"')
  })

  test('waits for tables that are not there, and for rights, without an end', async () => {
    await using processor = role('processor', ...as('writer', `${name}b`))
    const url = await processor.url()
    const { text } = await until(
      () => readiness(url),
      ({ text }) => text.includes('stockpipe setup schema'),
    )
    expect(text).toContain('are not in Cassandra')
    expect(processor.child.exitCode).toBeNull()
    expect(await processor.stop()).toBe(0)
  })
})
