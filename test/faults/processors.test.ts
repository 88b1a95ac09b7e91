/** Processors that are killed, join and leave under load, on Kafka and on a Cassandra with its default commit log. */
import { describe, expect, test } from 'bun:test'

import { expectFiveChecks } from './checks.ts'
import { deploy, kill, PARTITIONS } from './deployment.ts'
import { note, seconds } from './figures.ts'
import { isFull, LIMIT_MS, moment, size, spread } from './sizes.ts'
import { serversForTests } from '../market.ts'
import { share } from '../members.ts'
import { until } from '../until.ts'

const CAUGHT_UP_WITHIN_MS = 15_000
const PAUSE_OF_STOP_MS = 5_000
const PAUSE_OF_KILL_MS = 15_000
/** Long enough for a commit to become due. */
const UNDER_WAY_MS = size('UNDER_WAY_MS', 2_000, 20_000)
/** A processor that is killed again before its first commit has as much more to do. */
const BETWEEN_MS = size('BETWEEN_MS', 0, 17_000)
const KILLS = size('PROCESSOR_KILLS', 2, 20)
const MOVES = size('MOVES', 1, 4)
const RATE = size('RATE', 500, 5_000)

const servers = await serversForTests()

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(servers === null)('under load, on Kafka and Cassandra', () => {
  const open = () => deploy({ servers: servers as NonNullable<typeof servers>, rate: RATE })

  test(
    `a processor that is killed ${KILLS} times at random moments loses nothing, and has caught up within 15 s each time`,
    async () => {
      await using deployment = await open()
      const { newest } = deployment
      const producer = deployment.producer()
      let processor = deployment.processor()
      await newest.upToDate()
      await Bun.sleep(UNDER_WAY_MS)
      const took: number[] = []
      for (let round = 0; round < KILLS; round++) {
        await Bun.sleep(BETWEEN_MS + moment(0, 5_000))
        const killedAt = Date.now()
        await kill(processor)
        processor = deployment.processor()
        await until(
          () => processor.named('log.joined').length,
          (joined) => joined > 0,
        )
        await newest.upToDate()
        took.push(Date.now() - killedAt)
        const joined = Date.parse(String(processor.named('log.joined')[0]?.['time'])) - killedAt
        const words = `owns partitions after ${seconds(joined)}, caught up after ${seconds(took.at(-1) ?? 0)}`
        note('processor killed', `round ${round + 1}`, words)
      }
      const { trades, windows } = await expectFiveChecks(deployment, { producer, processors: [processor] })
      const { median, max } = spread(took)
      note(
        'processor killed',
        `${KILLS} times at ${RATE} trades/s`,
        `caught up in ${seconds(median)} (median), ${seconds(max)} (longest)`,
      )
      note('processor killed', 'five checks', `${trades} trades, ${windows} windows and candles: no difference`)
      if (isFull) expect(max).toBeLessThan(CAUGHT_UP_WITHIN_MS)
    },
    LIMIT_MS,
  )

  test(
    'partitions move from one processor to three and back, with short pauses and nothing wrong',
    async () => {
      await using deployment = await open()
      const { newest } = deployment
      const producer = deployment.producer()
      const first = deployment.processor()
      await newest.upToDate()
      await Bun.sleep(UNDER_WAY_MS)
      /** The longest pause of any partition while this happens, ms. */
      const pause = async (what: string, change: () => Promise<unknown>) => {
        const from = Date.now()
        await change()
        await newest.fresh()
        const pauses = spread(newest.pauses(from, Date.now()))
        note(
          '1 -> 3 -> 1',
          what,
          `pause ${seconds(pauses.median)} (median partition), ${seconds(pauses.max)} (longest)`,
        )
        return pauses.max
      }
      const planned: number[] = []
      const killed: number[] = []
      for (let round = 0; round < MOVES; round++) {
        const [second, third] = [deployment.processor(), deployment.processor()]
        planned.push(await pause('two join', () => share(PARTITIONS, first, second, third)))
        await Bun.sleep(moment(0, UNDER_WAY_MS))
        const stop = async () => {
          expect(await second.stop()).toBe(0)
          await share(PARTITIONS, first, third)
        }
        planned.push(await pause('one is stopped', stop))
        await Bun.sleep(moment(0, UNDER_WAY_MS))
        const strike = async () => {
          await kill(third)
          await share(PARTITIONS, first)
        }
        killed.push(await pause('one is killed', strike))
        await Bun.sleep(moment(0, UNDER_WAY_MS))
      }
      const { trades, windows } = await expectFiveChecks(deployment, { producer, processors: [first] })
      note('1 -> 3 -> 1', 'five checks', `${trades} trades, ${windows} windows and candles: no difference`)
      if (!isFull) return
      expect(Math.max(...planned)).toBeLessThan(PAUSE_OF_STOP_MS)
      expect(Math.max(...killed)).toBeLessThan(PAUSE_OF_KILL_MS)
    },
    LIMIT_MS,
  )
})
