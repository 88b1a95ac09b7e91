/** A live feed while Kafka is away: all that was received is in the log, once and in order. */
import { expect, test } from 'bun:test'

import { until } from './running.ts'
import { canStartServices } from './services/services.ts'
import { smallDisk } from './small-disk.ts'
import { killed, says, scene, spooled, takes } from './spool.fixture.ts'

const LIMIT_MS = 240_000

// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(!canStartServices())(
  'Kafka stopped, killed and back, and the producer killed and stopped meanwhile: all that was received is in the log once',
  async () => {
    await using all = await scene()
    const { kafka } = all
    const first = all.start()
    await takes(first, 1_000)
    kafka.pause()
    await says(first, 'spool.began')
    await until(
      () => spooled(first),
      (bytes) => bytes > 500_000,
    )
    // In the middle of spooling.
    await killed(first)

    const second = all.start()
    await until(
      () => spooled(second),
      (bytes) => bytes > 2_000_000,
    )
    kafka.resume()
    // In the middle of draining, or near it.
    let most = 0
    await until(
      () => spooled(second),
      (bytes) => bytes < (most = Math.max(most, bytes)),
    )
    await killed(second)

    const third = all.start()
    await says(third, 'feed.open')
    await until(
      () => spooled(third),
      (bytes) => bytes === 0,
    )
    await kafka.kill()
    await says(third, 'spool.began')
    await until(
      () => spooled(third),
      (bytes) => bytes > 500_000,
    )
    expect(await third.stop()).toBe(0)
    expect(Number(third.named('spool.kept')[0]?.['records'])).toBeGreaterThan(50)

    const fourth = all.start()
    await says(fourth, 'spool.found')
    await kafka.restart()
    expect(fourth.named('spool.found')[0]?.['records']).toBe(third.named('spool.kept')[0]?.['records'])
    await says(fourth, 'spool.drained')
    await Bun.sleep(500)
    expect(await fourth.stop()).toBe(0)
    expect(fourth.named('spool.kept')).toEqual([])

    const { wrong, gaps, trades, copies } = await all.compare()
    if (process.env['SHOW'] !== undefined) console.log({ trades, copies, gaps })
    expect(wrong).toEqual([])
    expect(trades).toBeGreaterThan(10_000)
    // Three restarts, for two symbols; none of them as long as Kafka was away.
    expect(gaps.map(({ cause }) => cause)).toEqual(Array<string>(6).fill('restart'))
    for (const { from, to } of gaps) expect(to - from).toBeLessThan(10_000)
  },
  LIMIT_MS,
)

// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(!canStartServices())(
  'a disk that is full while Kafka is away: it says so, keeps what memory holds, and goes on when there is room',
  async () => {
    using disk = smallDisk('3m')
    if (disk === null) return
    await using all = await scene()
    const run = all.start(disk.path)
    await takes(run, 1_000)
    all.kafka.pause()
    await says(run, 'spool.retrying')
    expect(run.named('spool.retrying')[0]).toMatchObject({ try: 'free some space on it' })
    expect(await (await fetch(`${await run.url()}/readyz`)).text()).toContain('is full')
    disk.grow()
    await says(run, 'spool.recovered')
    all.kafka.resume()
    await says(run, 'spool.drained')
    await Bun.sleep(500)
    expect(await run.stop()).toBe(0)
    const { wrong, gaps } = await all.compare()
    expect([wrong, gaps]).toEqual([[], []])
  },
  LIMIT_MS,
)

// No Java, no servers: test/services says so, and fails where CI is set.
test.skipIf(!canStartServices())(
  'a folder that cannot be written: it is said, and the feed goes on without',
  async () => {
    await using all = await scene()
    const run = all.start('/proc/nowhere')
    await takes(run, 100)
    expect(run.named('spool.unavailable')).toHaveLength(1)
    expect(await run.stop()).toBe(0)
  },
  LIMIT_MS,
)
