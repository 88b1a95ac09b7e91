import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createServer, connect, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

import { cassandraForTests } from '../../../test/services/services.ts'
import { until } from '../../../test/until.ts'
import { manualClock } from '../../clock.ts'
import type { StockpipeError } from '../../errors.ts'
import {
  candleRow,
  entry,
  HOUR,
  latestRow,
  lateRow,
  MINUTE,
  readAll,
  rows,
  tradeBatch,
  windowRow,
} from '../store.contract-rows.ts'
import { testStore } from '../store.contract.ts'
import { DAY_MS, TestKeyspace } from './cassandra.fixture.ts'
import { ContentsLedger, Contents } from './cassandra/contents.ts'

// Before the server of this file, if it gets one, is stopped: the hooks run in the order they are registered.
afterAll(async () => {
  if (server !== null) await shared[Symbol.asyncDispose]()
})
const server = await cassandraForTests()
/** Making the tables takes seconds on a busy machine. */
setDefaultTimeout(60_000)

const failure = (work: Promise<unknown>): Promise<StockpipeError> =>
  work.then(
    () => expect.unreachable('it should have failed'),
    (error: StockpipeError) => error,
  )

const address = server ?? { contactPoints: [], port: 0, datacenter: '' }
/** With tables, for tests that each use symbols of their own. */
let shared: TestKeyspace

beforeAll(async () => {
  if (server === null) return
  shared = new TestKeyspace(server)
  await using store = await shared.open()
  await store.id()
})

if (server !== null)
  testStore('the Cassandra store', async () => {
    const keyspace = new TestKeyspace(server)
    const store = await keyspace.open()
    await store.id()
    return {
      store,
      reopen: () => keyspace.open({ migrate: false }),
      async close() {
        await store[Symbol.asyncDispose]()
        await keyspace[Symbol.asyncDispose]()
      },
    }
  })

describe.if(server !== null)('the tables', () => {
  test('are made once by stores that start at the same time, and all use them', async () => {
    await using keyspace = new TestKeyspace(address)
    const stores = await Promise.all([keyspace.open(), keyspace.open(), keyspace.open()])
    const ids = await Promise.all(stores.map((store) => store.id()))
    expect(new Set(ids).size).toBe(1)
    await Promise.all(stores.map((store, n) => store.write(rows({ trades: [tradeBatch(`S${n}`, [entry(HOUR)])] }))))
    for (const store of stores) expect(await store.symbols()).toEqual(['S0', 'S1', 'S2'])
    for (const store of stores) await store[Symbol.asyncDispose]()
    expect(await keyspace.ask(`SELECT version FROM $.schema_migrations`)).toHaveLength(3)
    expect(await keyspace.ask(`SELECT value FROM $.store_info WHERE key = 'schema_lock'`)).toEqual([])
  })

  test('are waited for by who only reads', async () => {
    await using keyspace = new TestKeyspace(address)
    await using reader = await keyspace.open({ migrate: false })
    const error = await failure(reader.symbols())
    expect(error).toMatchObject({ code: 'schema', mendable: true, retryable: false })
    expect(error.message).toContain(keyspace.name)
    await using writer = await keyspace.open()
    await writer.write(rows({ latest: [latestRow('S', HOUR)] }))
    expect(await reader.symbols()).toEqual(['S'])
  })

  test('of a changed or a newer schema are refused, with what to do', async () => {
    await using keyspace = new TestKeyspace(address)
    {
      await using store = await keyspace.open()
      await store.id()
    }
    const [first] = await keyspace.ask('SELECT checksum FROM $.schema_migrations WHERE version = 1')
    await keyspace.ask(`UPDATE $.schema_migrations SET checksum = 'other' WHERE version = 1`)
    await using store = await keyspace.open()
    const changed = await failure(store.id())
    expect(changed).toMatchObject({ code: 'schema', mendable: true, retryable: false })
    expect(changed.why).toContain('checksum of schema version 1')
    await keyspace.ask(`UPDATE $.schema_migrations SET checksum = ? WHERE version = 1`, [first?.['checksum']])
    await keyspace.ask(`INSERT INTO $.schema_migrations (version, checksum) VALUES (99, 'x')`)
    const newer = await failure(store.id())
    expect(newer).toMatchObject({ code: 'schema-newer', mendable: true, retryable: false })
    expect(newer.why).toContain('version 99')
    await keyspace.ask('DELETE FROM $.schema_migrations WHERE version = 99')
    expect(await store.id()).toBeString()
  })

  test('are not made again when they vanish under a running store', async () => {
    await using keyspace = new TestKeyspace(address)
    await using store = await keyspace.open()
    const write = () => store.write(rows({ trades: [tradeBatch('S', [entry(HOUR)])] }))
    await write()
    await keyspace.ask('DROP KEYSPACE $')
    const isThere = `SELECT * FROM system_schema.keyspaces WHERE keyspace_name = '${keyspace.name}'`
    const error = await until(
      () => failure(write()),
      ({ retryable }) => !retryable,
    )
    expect(error).toMatchObject({ code: 'schema', mendable: true })
    expect(await keyspace.ask(isThere)).toEqual([])
  })

  test('have as many copies as there are nodes, and files by time where rows expire', async () => {
    const [found] = await shared.ask(
      `SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = '${shared.name}'`,
    )
    expect(found?.['replication']).toMatchObject({ [address.datacenter]: '1' })
    const tables = await shared.ask(
      `SELECT table_name, compaction FROM system_schema.tables WHERE keyspace_name = '${shared.name}'`,
    )
    const windowed = tables.filter((row) => String(row['compaction'].class).includes('TimeWindow'))
    expect(windowed.map((row) => String(row['table_name'])).sort()).toEqual([
      'candles',
      'late_entries',
      'rollup',
      'trades',
    ])
  })
})

describe.if(server !== null)('rows', () => {
  test('carry the TTL of their retention', async () => {
    await using store = await shared.open()
    await store.write(
      rows({
        trades: [tradeBatch('TTL', [entry(HOUR)])],
        windows: [windowRow('TTL', HOUR)],
        candles: (['1s', '1m'] as const).map((interval) => candleRow('TTL', { interval, open: HOUR })),
        late: [lateRow('TTL', HOUR)],
        latest: [latestRow('TTL', HOUR)],
      }),
    )
    const ttl = async (table: string, column: string, where = '') =>
      (
        await shared.ask(`SELECT TTL(${column}) AS ttl FROM $.${table} WHERE symbol = 'TTL'${where} ALLOW FILTERING`)
      ).map((row) => row['ttl'] as number | null)
    const week = (7 * DAY_MS) / 1000
    for (const [table, column] of [
      ['trades', 'price'],
      ['late_trades', 'price'],
      ['late_entries', 'price'],
    ] as const) {
      const [seconds] = await ttl(table, column)
      expect(seconds).toBeWithin(week - 60, week + 1)
    }
    expect(await ttl('running_averages_15_sec', 'open')).toEqual([null])
    expect(await ttl('latest', 'price')).toEqual([null])
    const bucket = (interval: string, text: string) => ` AND interval = '${interval}' AND bucket = '${text}'`
    expect((await ttl('candles', 'open', bucket('1s', '2024-03-05T14')))[0]).toBeWithin(week - 60, week + 1)
    expect(await ttl('candles', 'open', bucket('1m', '2024-03-05'))).toEqual([null])
    await using other = await shared.open({ retention: { tradesMs: DAY_MS, candlesMs: 30 * DAY_MS } })
    const { tables } = await other.catalog.survey()
    const kept = (name: string) => tables.find((table) => table.name === name)?.kept
    const longer = { inForce: 'differs', note: 'the newest row expires in about 7 d' }
    const forever = { inForce: 'differs', note: 'the newest row never expires' }
    expect(kept('trades')).toMatchObject([longer])
    expect(kept('running_averages_15_sec')).toMatchObject([forever])
    expect(kept('candles')).toMatchObject([longer, forever])
  })

  test('larger than a whole packet arrive', async () => {
    await using store = await shared.open()
    const sizes = [10, 100_000, 20_000, 60_000, 10]
    const entries = sizes.map((size) => entry(HOUR, { c: ['é'.repeat(size / 2)] }))
    await store.write(rows({ trades: [tradeBatch('BIG', entries)] }))
    const found = await readAll(store, 'trades', { symbols: ['BIG'] })
    expect(found.map((row) => row.conditions)).toEqual(entries.map(({ c }) => c?.[0] ?? ''))
  })

  test('whose average overflows read null, also over an older average', async () => {
    await using store = await shared.open()
    const stamp = HOUR * 1000
    await store.write(rows({ windows: [windowRow('VWAP', HOUR, { vwap: 2, stamp })] }))
    await store.write(
      rows({ windows: [windowRow('VWAP', HOUR, { vwap: Number.NaN, volume: Infinity, stamp: stamp + 4 })] }),
    )
    const [row] = await readAll(store, 'windows', { symbols: ['VWAP'] })
    expect(row).toMatchObject({ vwap: null, volume: Infinity })
  })

  test('of the newest hours are found without the older ones, and far apart hours too', async () => {
    await using store = await shared.open()
    const years = [0, 1, 400, 800].map((days) => HOUR + days * DAY_MS)
    await store.write(rows({ trades: years.map((t, offset) => tradeBatch('FAR', [entry(t)], { offset })) }))
    const newest = await readAll(store, 'trades', { symbols: ['FAR'], order: 'desc', limit: 2 })
    expect(newest.map((row) => row.trade_ts)).toEqual([years[3], years[2]] as number[])
    expect(await readAll(store, 'trades', { symbols: ['FAR'] })).toHaveLength(4)
    expect(await readAll(store, 'trades', { symbols: ['FAR'], from: years[1] ?? 0, to: years[3] ?? 0 })).toHaveLength(2)
  })

  test('give an origin stamp to all who claim at once', async () => {
    await using one = await shared.open()
    await using other = await shared.open()
    expect(await one.stamp.read()).toBeNull()
    const claimed = await Promise.all([one.stamp.claim('live'), other.stamp.claim('simulated')])
    expect(new Set(claimed).size).toBe(1)
    expect(await other.stamp.read()).toBe(claimed[0])
    expect(await other.stamp.claim('replay')).toBe(claimed[0])
  })
})

describe.if(server !== null)('a server that cannot be used', () => {
  test('because its datacenter has another name: the error names those there are', async () => {
    await using store = await shared.open({ datacenter: 'dc-nowhere' })
    const error = await failure(store.id())
    expect(error).toMatchObject({ code: 'config', mendable: true, retryable: false })
    expect(error.message).toContain('dc-nowhere')
    expect(error.why).toContain(address.datacenter)
  })

  test('because no name resolves: it may pass, and the error names it', async () => {
    await using store = await shared.open({ contactPoints: ['cassandra.invalid'] })
    const error = await failure(store.id())
    expect(error).toMatchObject({ code: 'unreachable', retryable: true })
    expect(error.message).toContain('cassandra.invalid')
    expect(error.why).toContain('resolves')
  })

  test('because it is not up yet is found once it is, and again after it was away', async () => {
    await using door = await openDoor(address)
    await using store = await shared.open({ port: door.port })
    const write = () => store.write(rows({ trades: [tradeBatch('DOOR', [entry(HOUR)])] }))
    expect(await failure(write())).toMatchObject({ code: 'unreachable', retryable: true })
    await door.unlock()
    await write()
    await door.lock()
    expect(await failure(write())).toMatchObject({ code: 'unreachable', retryable: true })
    await door.unlock()
    await until(
      () =>
        write().then(
          () => true,
          () => false,
        ),
      (done) => done,
    )
    expect(await readAll(store, 'trades', { symbols: ['DOOR'] })).toHaveLength(1)
  })
})

describe.if(server !== null)('a closed store', () => {
  test('says so', async () => {
    const store = await shared.open()
    await store[Symbol.asyncDispose]()
    expect(await failure(store.symbols())).toMatchObject({ code: 'internal' })
  })

  test('keeps no timer and no socket, whether it was connected or not', async () => {
    const program = `
      import { openCassandraStore } from ${JSON.stringify(join(import.meta.dir, 'cassandra.ts'))}
      import { systemClock } from ${JSON.stringify(join(import.meta.dir, '../../clock.ts'))}
      import { silentLog } from ${JSON.stringify(join(import.meta.dir, '../../telemetry.ts'))}
      const options = { ...${JSON.stringify({ ...shared.options, clock: null, log: null })}, clock: systemClock, log: silentLog }
      for (const port of [options.port, 1]) {
        const store = await openCassandraStore({ ...options, port })
        await store.symbols().catch(() => {})
        await store[Symbol.asyncDispose]()
      }
      console.log(performance.now())`
    const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr: 'inherit' })
    const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited])
    expect(code).toBe(0)
    expect(Number(text)).toBeGreaterThan(0)
  })
})

test('the list of buckets is written once, again later, and after all was forgotten', () => {
  const clock = manualClock(HOUR)
  const ledger = new ContentsLedger(() => clock.now())
  const statements = { contents: () => 'insert' } as unknown as Parameters<Contents['packets']>[0]
  const write = ({ fails = false, forgetsMeanwhile = false } = {}) => {
    const contents = new Contents(ledger)
    contents.note('trades', 'S', '2024-03-05T14')
    if (forgetsMeanwhile) ledger.forget()
    if (!fails) contents.settle()
    return [...contents.packets(statements)].length
  }
  expect(write({ fails: true })).toBe(2)
  expect(write()).toBe(2)
  expect(write()).toBe(0)
  clock.advance(5 * MINUTE)
  expect(write()).toBe(2)
  ledger.forget()
  expect(write({ forgetsMeanwhile: true })).toBe(2)
  expect(write()).toBe(2)
  expect(write()).toBe(0)
})

interface Door extends AsyncDisposable {
  port: number
  unlock(): Promise<void>
  /** Refuses whoever comes, and throws out who is inside. */
  lock(): Promise<void>
}

/** A way to the server that can be shut; at first it is. */
async function openDoor({ contactPoints, port }: { contactPoints: readonly string[]; port: number }): Promise<Door> {
  const sockets = new Set<Socket>()
  let listener: Server | null = null
  const enter = (socket: Socket) => {
    const inside = connect(port, contactPoints[0] ?? '')
    for (const one of [socket, inside]) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        socket.destroy()
        inside.destroy()
        sockets.delete(one)
      })
    }
    socket.pipe(inside).pipe(socket)
  }
  const listen = (at: number): Promise<number> =>
    new Promise((resolve) => {
      listener = createServer(enter).listen(at, '127.0.0.1', () => {
        const bound = listener?.address()
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0)
      })
    })
  const lock = async () => {
    const closed = new Promise((resolve) => (listener === null ? resolve(null) : listener.close(resolve)))
    for (const socket of sockets) socket.destroy()
    await closed
    listener = null
  }
  const free = await listen(0)
  await lock()
  return {
    port: free,
    unlock: async () => void (await listen(free)),
    lock,
    [Symbol.asyncDispose]: lock,
  }
}
