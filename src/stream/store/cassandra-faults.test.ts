/** The store on a Cassandra of its own: one with logins and permissions, that is killed and halted. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'

import { CANARY, canary } from '../../../test/canary.ts'
import { CASSANDRA_USER, type CassandraServers, startCassandra } from '../../../test/services/cassandra.ts'
import { canStartServices } from '../../../test/services/services.ts'
import { until } from '../../../test/until.ts'
import type { StockpipeError } from '../../errors.ts'
import { silentLog } from '../../telemetry.ts'
import { entry, HOUR, latestRow, readAll, rows, tradeBatch } from '../store.contract-rows.ts'
import { TestKeyspace } from './cassandra.fixture.ts'
import type { CassandraStore } from './cassandra.ts'

setDefaultTimeout(120_000)

const failure = (work: Promise<unknown>): Promise<StockpipeError> =>
  work.then(
    () => expect.unreachable('it should have failed'),
    (error: StockpipeError) => error,
  )

const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  )

describe.if(canStartServices())('on a server with logins', () => {
  let server: CassandraServers
  let keyspace: TestKeyspace

  beforeAll(async () => {
    server = await startCassandra({ auth: true, commitlogSync: 'group' })
    keyspace = new TestKeyspace(server, CASSANDRA_USER)
    await using store = await keyspace.open()
    await store.id()
  })
  afterAll(async () => {
    await keyspace?.client.shutdown()
    await server?.stop()
  })

  const write = (store: CassandraStore, symbol: string, offset = 0) =>
    store.write(rows({ trades: [tradeBatch(symbol, [entry(HOUR)], { offset })] }))

  test('there are roles to read and to write, for an administrator to grant', async () => {
    await keyspace.ask(`CREATE ROLE IF NOT EXISTS viewer WITH PASSWORD = 'v' AND LOGIN = true`)
    await keyspace.ask(`GRANT $_reader TO viewer`)
    await using store = await keyspace.open({ credentials: { username: 'viewer', password: 'v' } })
    await until(() => succeeds(store.symbols()), Boolean)
    expect(await failure(write(store, 'MAY-NOT'))).toMatchObject({ code: 'auth', mendable: true })
    await keyspace.ask(`GRANT $_writer TO viewer`)
    await until(() => succeeds(write(store, 'MAY')), Boolean)
  })

  test('a wrong password is named, but never told', async () => {
    const credentials = { username: 'cassandra', password: canary('wrong') }
    await using store = await keyspace.open({ credentials })
    const error = await failure(store.id())
    expect(error).toMatchObject({ code: 'auth', mendable: true, retryable: false })
    expect(error.hint).toContain('cassandra')
    expect(JSON.stringify([error, error.message, error.why, error.hint, String(error.cause)])).not.toContain(CANARY)
  })

  test('no login at all is told what to set', async () => {
    await using store = await keyspace.open({ credentials: null })
    const error = await failure(store.id())
    expect(error).toMatchObject({ code: 'auth', mendable: true, retryable: false })
    expect(error.hint).toContain('--cassandra-username')
  })

  test('who may not make a keyspace waits for it, and hears who makes it', async () => {
    await keyspace.ask(`CREATE ROLE IF NOT EXISTS poor WITH PASSWORD = 'p' AND LOGIN = true`)
    await using store = await keyspace.open({ keyspace: 'nobody', credentials: { username: 'poor', password: 'p' } })
    const error = await failure(store.id())
    expect(error).toMatchObject({ code: 'schema', mendable: true, retryable: false })
    expect(error.why).toContain('User poor has no CREATE permission')
    expect(error.hint).toContain('stockpipe setup schema')
  })

  test('a role that may read and write needs no more, and hears what it lacks', async () => {
    await keyspace.ask(`CREATE ROLE IF NOT EXISTS worker WITH PASSWORD = 'w' AND LOGIN = true`)
    await keyspace.ask(`GRANT SELECT ON KEYSPACE $ TO worker`)
    await using store = await keyspace.open({ credentials: { username: 'worker', password: 'w' } })
    await until(() => succeeds(store.id()), Boolean)
    const error = await failure(write(store, 'GRANT'))
    expect(error).toMatchObject({ code: 'auth', mendable: true, retryable: false })
    expect(error.hint).toContain('GRANT MODIFY ON')
    expect(error.hint).toContain('"worker"')
    await keyspace.ask(`GRANT MODIFY ON KEYSPACE $ TO worker`)
    await until(() => succeeds(write(store, 'GRANT')), Boolean)
    expect(await readAll(store, 'trades', { symbols: ['GRANT'] })).toHaveLength(1)
    expect(await store.durability?.generation()).toMatch(/^[0-9a-f-]{36}:[0-9]+$/)
  })

  test('who may not read how Cassandra keeps its commit log takes it to be as shipped, and says so once', async () => {
    await keyspace.ask(`CREATE ROLE IF NOT EXISTS blind WITH PASSWORD = 'b' AND LOGIN = true`)
    await keyspace.ask(`GRANT $_writer TO blind`)
    await keyspace.ask(`REVOKE SELECT ON KEYSPACE system_views FROM blind`).catch(() => {})
    const warnings: string[] = []
    const log = { ...silentLog, warn: (event: string) => void warnings.push(event) }
    await using store = await keyspace.open({ credentials: { username: 'blind', password: 'b' }, log })
    await until(() => succeeds(store.id()), Boolean)
    const lags = [await store.durability?.lagMs(), await store.durability?.lagMs()]
    expect({ lags, warnings }).toEqual({ lags: [16_000, 16_000], warnings: ['cassandra.durability_unknown'] })
  })

  test('every acknowledged row survives kill -9, and writing goes on by itself', async () => {
    await using store = await keyspace.open()
    const acknowledged: number[] = []
    const errors: StockpipeError[] = []
    let offset = 0
    const writeOne = async () => {
      const mine = offset++
      const error = await write(store, 'KILL', mine).then(
        () => null,
        (failed: StockpipeError) => failed,
      )
      if (error === null) acknowledged.push(mine)
      else errors.push(error)
      return error === null
    }
    await until(writeOne, () => acknowledged.length >= 200)
    expect(await store.durability?.lagMs()).toBe(0)
    const generation = await store.durability?.generation()
    expect(await store.durability?.generation()).toBe(generation)
    const killed = server.kill()
    await until(writeOne, () => errors.length >= 3)
    await killed
    expect(await failure(store.durability?.generation() ?? Promise.resolve())).toMatchObject({ retryable: true })
    const restarted = server.restart()
    const before = acknowledged.length
    await until(writeOne, () => acknowledged.length >= before + 50)
    await restarted
    expect(await store.durability?.generation()).not.toBe(generation)
    for (const error of errors) expect(error).toMatchObject({ code: 'unreachable', retryable: true })
    const kept = new Set((await readAll(store, 'trades', { symbols: ['KILL'] })).map((row) => row.log_offset))
    expect(acknowledged.filter((one) => !kept.has(one))).toEqual([])
  })

  test('a server that hangs fails a write in bounded time, and can be left in bounded time', async () => {
    await using store = await keyspace.open()
    await store.write(rows({ latest: [latestRow('HANG', HOUR)] }))
    const other = await keyspace.open()
    await other.id()
    server.pause()
    try {
      const startedAt = performance.now()
      expect(await failure(write(store, 'HANG'))).toMatchObject({ code: 'unreachable', retryable: true })
      expect(performance.now() - startedAt).toBeLessThan(15_000)
      const leftAt = performance.now()
      await other[Symbol.asyncDispose]()
      expect(performance.now() - leftAt).toBeLessThan(6_000)
    } finally {
      server.resume()
    }
    await until(() => succeeds(write(store, 'HANG')), Boolean)
  })
})

test.if(canStartServices())(
  'of Cassandra as shipped it is known how long acknowledged rows may still be lost',
  async () => {
    const server = await startCassandra()
    try {
      await using keyspace = new TestKeyspace(server)
      await using store = await keyspace.open()
      expect(await store.durability?.lagMs()).toBe(16_000)
      await using told = await keyspace.open({ durabilityLag: 7_000 })
      expect(await told.durability?.lagMs()).toBe(7_000)
    } finally {
      await server.stop()
    }
  },
)
