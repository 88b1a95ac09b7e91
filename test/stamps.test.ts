/** Real, recorded and made-up prices on the same servers are kept apart. */
import { expect, test } from 'bun:test'

import { fixture, replayArgs, stockpipe, temporaryFolder } from './binary.ts'
import { openMarket, serversForTests } from './market.ts'
import { running, until } from './running.ts'

const LIMIT_MS = 120_000
const ANY_PORT = ['--listen', '127.0.0.1:0']

const servers = await serversForTests()

// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(servers === null)(
  'a producer, a processor and an export refuse data of another origin, unless mixing is allowed',
  async () => {
    await using market = openMarket(servers as NonNullable<typeof servers>)
    await using other = openMarket(servers as NonNullable<typeof servers>)
    using folder = temporaryFolder()
    const { name, log, store } = market
    const recording = replayArgs(fixture('finnhub-session.ndjson'), folder.path, ...log, ...store)
    expect((await stockpipe(recording)).code).toBe(0)
    const before = await market.ends(name)

    const simulated = ['run', '--role', 'producer', ...log, ...ANY_PORT]
    const refused = await stockpipe(simulated)
    expect([refused.code, refused.stdout]).toEqual([2, ''])
    expect(refused.stderr).toContain('error: the topic holds replay data, not simulated data\n  why: ')
    expect(refused.stderr).toContain('  try: name another --kafka-topic')
    expect(await market.ends(name)).toEqual(before)

    const exported = await stockpipe(['export', 'trades', ...store, '--origin', 'live'])
    expect([exported.code, exported.stdout]).toEqual([2, ''])
    expect(exported.stderr).toContain('it holds replay data')
    expect((await stockpipe(['export', 'trades', ...store, '--origin', 'replay'])).code).toBe(0)

    await using mixed = running([...simulated, '--allow-mixed'])
    await until(
      () => market.ends(name),
      (ends) => ends.join() !== before.join(),
    )
    expect(await mixed.stop()).toBe(0)

    const trades = await market.exported('trades')
    await using _producer = running(['run', '--role', 'producer', ...other.log, ...ANY_PORT])
    const processor = await stockpipe(['run', '--role', 'processor', ...other.log, ...store, ...ANY_PORT])
    expect([processor.code, processor.stdout]).toEqual([2, ''])
    expect(processor.stderr).toContain('error: the store holds replay data, not simulated data\n  why: ')
    expect(await market.exported('trades')).toEqual(trades)
  },
  LIMIT_MS,
)
