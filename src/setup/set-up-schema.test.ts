import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Client } from 'cassandra-driver'

import { canary, expectNoCanary } from '../../test/canary.ts'
import { CASSANDRA_USER, type CassandraServers, startCassandra } from '../../test/services/cassandra.ts'
import { canStartServices } from '../../test/services/services.ts'
import { until } from '../../test/until.ts'
import { systemClock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { openCassandraStore } from '../stream/store/cassandra.ts'
import type { CassandraOptions } from '../stream/store/cassandra/options.ts'
import { silentLog } from '../telemetry.ts'
import type { Login } from './login.ts'
import { patienceFor } from './patience.ts'
import { setUpSchema, type SchemaOptions } from './set-up-schema.ts'

setDefaultTimeout(120_000)

const login = (username: string, password = `${canary(username)}'s`): Login => ({ username, password })
const SUPERUSER = login('boss')
const LOGINS = { writer: login('writer'), reader: login('reader'), grafana: login('grafana') }

const optionsFor = ({ contactPoints, port }: CassandraServers, keyspace = 'market'): CassandraOptions => ({
  contactPoints,
  port,
  datacenter: null,
  keyspace,
  replication: null,
  credentials: null,
  consistency: null,
  tls: null,
  retention: { tradesMs: 86_400_000, candlesMs: null },
  durabilityLag: null,
  migrate: true,
  clock: systemClock,
  log: silentLog,
})

/** What it said, and whether it changed anything or how it failed. */
async function run(server: CassandraServers, more: Partial<SchemaOptions> = {}, timeout = 60_000) {
  const lines: string[] = []
  const say = (line: string) => lines.push(line)
  const patience = patienceFor(timeout, { clock: systemClock, signal: new AbortController().signal, say })
  const options = {
    cassandra: optionsFor(server),
    superuser: SUPERUSER,
    logins: LOGINS,
    nodes: 1,
    settling: 0,
    ...more,
  }
  const outcome = await setUpSchema(options, patience).catch((error: unknown) => {
    if (error instanceof StockpipeError) return error
    throw error
  })
  expectNoCanary('what setup says', Bun.inspect([lines, outcome], { depth: 10 }))
  return { lines, outcome, error: outcome instanceof StockpipeError ? outcome : null }
}

function client({ contactPoints, port, datacenter }: CassandraServers, credentials: Login): Client {
  const where = { contactPoints: [...contactPoints], protocolOptions: { port }, localDataCenter: datacenter }
  return new Client({ ...where, credentials })
}

/** Resolves to the error's words, or null. */
async function tries(server: CassandraServers, credentials: Login, cql: string): Promise<string | null> {
  const one = client(server, credentials)
  try {
    await one.connect()
    await one.execute(cql)
    return null
  } catch (error) {
    return Bun.inspect(error).includes('incorrect') ? 'refused' : String(error)
  } finally {
    await one.shutdown()
  }
}

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(!canStartServices())('a Cassandra with logins', () => {
  let server: CassandraServers
  let first: Awaited<ReturnType<typeof run>>
  beforeAll(async () => {
    server = await startCassandra({ auth: true })
    first = await run(server)
  })
  afterAll(() => server.stop())

  test('gets a superuser, logins and tables; a second time there is nothing to do', async () => {
    expect(first.outcome).toBe(true)
    expect(first.lines).toContain('role boss made: the superuser')
    expect(first.lines).toContain('role cassandra closed: no login, no rights, another password')
    expect(await run(server)).toMatchObject({ outcome: false, lines: [] })
  })

  test('lets nobody in as the login it is shipped with, which is still there', async () => {
    expect(await tries(server, CASSANDRA_USER, 'SELECT key FROM system.local')).toBe('refused')
    const boss = client(server, SUPERUSER)
    const { rows } = await boss.execute(
      `SELECT can_login, is_superuser FROM system_auth.roles WHERE role = 'cassandra'`,
    )
    const keyspace = await boss.execute(
      `SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = 'system_auth'`,
    )
    await boss.shutdown()
    expect(rows[0]).toMatchObject({ can_login: false, is_superuser: false })
    expect(keyspace.rows[0]?.['replication']).toEqual({
      class: 'org.apache.cassandra.locator.NetworkTopologyStrategy',
      [server.datacenter]: '1',
    })
  })

  test('gives each login the rights it needs, and no more', async () => {
    const { writer, reader, grafana } = LOGINS
    const write = `INSERT INTO market.latest (symbol, price) VALUES ('S', 1)`
    for (const one of [reader, grafana, writer])
      expect(await tries(server, one, 'SELECT * FROM market.latest')).toBeNull()
    expect(await tries(server, writer, write)).toBeNull()
    for (const one of [reader, grafana]) expect(await tries(server, one, write)).toContain('no MODIFY permission')
    for (const one of [writer, reader, grafana])
      for (const [cql, words] of [
        ['CREATE TABLE market.x (a int PRIMARY KEY)', 'no CREATE permission'],
        ['DROP TABLE market.latest', 'no DROP permission'],
        ['ALTER TABLE market.latest ADD x int', 'no ALTER permission'],
        [`CREATE ROLE x WITH PASSWORD = 'x'`, 'sufficient privileges'],
        ['SELECT * FROM system_auth.roles', 'no SELECT permission'],
      ] as const)
        expect(await tries(server, one, cql)).toContain(words)
  })

  test("lets the api's login tell how large tables are; one without that right says so, and keeps the rest", async () => {
    const boss = client(server, SUPERUSER)
    const password = canary('visitor')
    await boss.execute(`CREATE ROLE visitor WITH PASSWORD = '${password}' AND LOGIN = true`)
    await boss.execute('GRANT SELECT ON KEYSPACE market TO visitor')
    await boss.shutdown()
    const surveyBy = async (credentials: Login) => {
      await using store = await openCassandraStore({ ...optionsFor(server), credentials, migrate: false })
      return await store.catalog.survey()
    }
    const byReader = await surveyBy(LOGINS.reader)
    expect(byReader.bytes.value).toBeGreaterThanOrEqual(0)
    const byVisitor = await surveyBy(login('visitor', password))
    expect(byVisitor.bytes).toMatchObject({
      value: null,
      note: expect.stringContaining('GRANT SELECT ON system_views.disk_usage'),
    })
    const without = ({ tables }: typeof byReader) => tables.map(({ name, kept }) => ({ name, kept }))
    expect(without(byVisitor)).toEqual(without(byReader))
  })

  test('takes a new password of a login, and changes nothing else', async () => {
    const logins = { ...LOGINS, reader: login('reader', canary('another')) }
    const { outcome, lines } = await run(server, { logins })
    expect(outcome).toBe(true)
    // Cassandra lets nobody change the password of a role that was made less than 5 s ago.
    expect(lines.filter((line) => !line.startsWith('waiting:'))).toEqual(['role reader has another password now'])
    // It knows a password that was right for a moment longer.
    const withTheFormer = () => tries(server, LOGINS.reader, 'SELECT * FROM market.latest')
    await until(withTheFormer, (said) => said === 'refused')
    expect(await tries(server, logins.reader, 'SELECT * FROM market.latest')).toBeNull()
    await run(server)
  })

  test('that was set up with another superuser password says so, what to do, and no password', async () => {
    const superuser = login('boss', canary('not-the-former'))
    const { error } = await run(server, { superuser })
    expect(error).toMatchObject({ code: 'auth', retryable: false })
    expect(error?.message).toContain('neither "boss" nor the shipped login')
    expect(error?.hint).toContain('former password')
  })

  test('whose schema is newer than this program is left alone', async () => {
    const boss = client(server, SUPERUSER)
    await boss.execute(`INSERT INTO market.schema_migrations (version, checksum) VALUES (99, 'x')`)
    const { error } = await run(server)
    await boss.execute('DELETE FROM market.schema_migrations WHERE version = 99')
    await boss.shutdown()
    expect(error).toMatchObject({ code: 'schema-newer' })
    expect(error?.why).toContain('version 99')
  })

  test('waits for the lock of another process, and takes it over when that died', async () => {
    const boss = client(server, SUPERUSER)
    await run(server, { cassandra: optionsFor(server, 'other'), logins: {} })
    await boss.execute('DELETE FROM other.schema_migrations WHERE version = 3')
    await boss.execute(`INSERT INTO other.store_info (key, value) VALUES ('schema_lock', 'a dead one') USING TTL 3`)
    const from = performance.now()
    const { outcome } = await run(server, { cassandra: optionsFor(server, 'other'), logins: {} })
    await boss.shutdown()
    expect(outcome).toBe(true)
    expect(performance.now() - from).toBeGreaterThan(2_000)
  })

  test('tells a role that finds no tables who makes them, and lets it on once they are made', async () => {
    const options = { ...optionsFor(server, 'later'), credentials: LOGINS.writer }
    await using store = await openCassandraStore(options)
    const error = await store.id().catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'schema', mendable: true })
    expect((error as StockpipeError).hint).toContain('stockpipe setup schema')
    await run(server, { cassandra: optionsFor(server, 'later') })
    // Rights that were just given are seen a moment later.
    await Bun.sleep(600)
    expect(await store.id()).toBeString()
  })
})

// As above.
describe.skipIf(!canStartServices())('a Cassandra', () => {
  test('is set up where an earlier try got half way, and made the superuser with another password', async () => {
    await using server = await startCassandra({ auth: true })
    const shipped = client(server, CASSANDRA_USER)
    await shipped.execute(`CREATE ROLE boss WITH PASSWORD = 'of the first try' AND LOGIN = true`)
    await shipped.shutdown()
    // Now the server remembers that password for a moment.
    expect(await tries(server, login('boss', 'of the first try'), 'SELECT key FROM system.local')).toBeNull()
    expect(await run(server)).toMatchObject({ outcome: true })
    expect(await tries(server, CASSANDRA_USER, 'SELECT key FROM system.local')).toBe('refused')
    expect(await run(server)).toMatchObject({ outcome: false, lines: [] })
  })

  test('that has just begun is waited for until its first role is there', async () => {
    await using server = await startCassandra({
      auth: true,
      isNew: true,
      java: ['-Dcassandra.superuser_setup_delay_ms=5000'],
    })
    expect((await run(server, { settling: 45_000 })).outcome).toBe(true)
  })

  test('that checks no passwords is refused where logins are wished', async () => {
    await using server = await startCassandra()
    expect((await run(server)).error?.message).toContain('checks no passwords')
    expect(await run(server, { superuser: null, logins: {} })).toMatchObject({ outcome: true })
    expect(await run(server, { superuser: null, logins: {} })).toMatchObject({ outcome: false })
  })

  test('that is not there is waited for until the time is over', async () => {
    const nobody = { contactPoints: ['127.0.0.1'], port: 1, datacenter: '' } as unknown as CassandraServers
    const { error, lines } = await run(nobody, {}, 3_000)
    expect(error).toMatchObject({ code: 'unreachable' })
    expect(error?.message).toContain('after 3 s')
    expect(lines).toHaveLength(1)
  })
})
