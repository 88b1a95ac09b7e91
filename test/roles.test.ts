/** Producer, processors and API as processes of their own, on Kafka and Cassandra. */
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { temporaryFolder } from './binary.ts'
import { copiesIn, withoutCopies } from './copies.ts'
import { type Market, openMarket, serversForTests } from './market.ts'
import { share } from './members.ts'
import { expectedOf, type NastyRecording, nastyRecording } from './nasty.ts'
import { check, storedOnServers } from './nasty-rows.ts'
import type { OracleResult } from './oracle.ts'
import { type Running, running, until } from './running.ts'

/** Only a failing test waits as long. */
const LIMIT_MS = 120_000
const SETTLED_WITHIN_MS = 60_000
const STOPPED_WITHIN_MS = 8_000
const PARTITIONS = 12
const COUNT = ['--partitions', String(PARTITIONS)]
const ANY_PORT = ['--listen', '127.0.0.1:0']

const servers = await serversForTests()

/** The first from `seed` on that knows when its frames were received: only such a one is replayed at a pace. */
function pacedRecording(seed: number): { recording: NastyRecording; ms: number } {
  const recording = nastyRecording(seed, 120)
  const [first, last] = [recording.frames[0]?.received ?? null, recording.frames.at(-1)?.received ?? null]
  return first === null || last === null ? pacedRecording(seed + 1) : { recording, ms: last - first }
}

const processor = ({ log, store }: Market): Running =>
  running(['run', '--role', 'processor', '--idle', '2s', ...COUNT, ...ANY_PORT, ...log, ...store])

/** A producer that replays a recording and then ends. */
function producer(recording: NastyRecording, { market, folder }: { market: Market; folder: string }, speed = 'max') {
  const file = join(folder, 'nasty.ndjson')
  writeFileSync(file, recording.text)
  const replay = ['--replay-file', file, '--replay-speed', speed, '--exit-at-end', '--data-dir', join(folder, 'data')]
  return running(['run', '--role', 'producer', ...replay, ...COUNT, ...ANY_PORT, ...market.log])
}

/** Waits until every row is there and all windows are final: those that nothing closes any more silence closes. */
async function settles({ query }: Market, recording: NastyRecording): Promise<void> {
  const end = Date.now() + SETTLED_WITHIN_MS
  const results = [...expectedOf(recording, PARTITIONS).values()]
  const sum = (count: (result: OracleResult) => number) => results.reduce((sum, result) => sum + count(result), 0)
  const wanted = [
    sum(({ trades, future }) => trades.length + future.length),
    sum(({ late }) => late.size),
    sum(({ windows }) => windows.size),
  ]
  const isSettled = async () => {
    const [trades, late, candles = [], windows = []] = await Promise.all(QUESTIONS.map(query))
    const final = [...candles, ...windows].filter((row) => row['final'] === true)
    const found = [Number(trades?.[0]?.['count']), Number(late?.[0]?.['count']), final.length]
    return found.every((count, index) => count >= (wanted[index] ?? 0))
  }
  // Before there are tables it is an error.
  const ask = () => isSettled().catch(() => false)
  await until(ask, (isIt) => isIt || Date.now() > end)
}
const QUESTIONS = [
  'SELECT count(*) FROM trades',
  'SELECT count(*) FROM late_trades',
  'SELECT final FROM candles',
  'SELECT final FROM running_averages_15_sec',
]

async function ends(process: Running): Promise<void> {
  expect({ code: await process.child.exited, log: process.lines().slice(-3) }).toMatchObject({ code: 0 })
}

async function stops(process: Running): Promise<void> {
  const from = performance.now()
  expect(await process.stop()).toBe(0)
  expect(performance.now() - from).toBeLessThan(STOPPED_WITHIN_MS)
}

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(servers === null)('on Kafka and Cassandra', () => {
  const open = () => openMarket(servers as NonNullable<typeof servers>)

  test.concurrent(
    'a producer and one processor give the rows that the rules give',
    async () => {
      await using market = open()
      using folder = temporaryFolder()
      const recording = nastyRecording(11)
      const isExact = async () => check(await storedOnServers(market), recording, PARTITIONS)
      await using processing = processor(market)
      await using producing = producer(recording, { market, folder: folder.path })
      await ends(producing)
      await settles(market, recording)
      await isExact()
      await stops(processing)
      await isExact()
    },
    LIMIT_MS,
  )

  test.concurrent(
    'two processors share the partitions and give the rows that the rules give',
    async () => {
      await using market = open()
      using folder = temporaryFolder()
      const recording = nastyRecording(12)
      const isExact = async () => check(await storedOnServers(market), recording, PARTITIONS)
      await using one = processor(market)
      await using other = processor(market)
      await using producing = producer(recording, { market, folder: folder.path })
      await share(PARTITIONS, one, other)
      await ends(producing)
      await settles(market, recording)
      await isExact()
      await Promise.all([stops(one), stops(other)])
      await isExact()
    },
    LIMIT_MS,
  )

  test.concurrent(
    'processors that join, are killed and are replaced in mid-replay, and a producer that is replaced, leave the rows exact',
    async () => {
      await using market = open()
      using folder = temporaryFolder()
      const { recording, ms } = pacedRecording(13)
      const around = { market, folder: folder.path }
      await using first = processor(market)
      await using second = processor(market)
      await using slow = producer(recording, around, String(Math.ceil(ms / LIMIT_MS)))
      await share(PARTITIONS, first, second)
      const isUnderWay = async () => (await market.query('SELECT symbol FROM latest')).length > 3
      await until(isUnderWay, Boolean)
      await using third = processor(market)
      await share(PARTITIONS, first, second, third)
      second.child.kill('SIGKILL')
      await using fourth = processor(market)
      await share(PARTITIONS, first, third, fourth)
      slow.child.kill('SIGKILL')
      await slow.child.exited
      await using quick = producer(recording, around)
      await ends(quick)
      const copies = await copiesIn(market.name, servers as NonNullable<typeof servers>)
      const isExact = async () => {
        const stored = withoutCopies(await storedOnServers(market), copies)
        // A producer that was killed may have said twice what is wrong, too.
        expect(stored.deadLetters).toBeGreaterThanOrEqual(recording.bad)
        check({ ...stored, deadLetters: recording.bad }, recording, PARTITIONS)
      }
      await settles(market, recording)
      await Promise.all([first, third, fourth].map(stops))
      await isExact()
    },
    LIMIT_MS,
  )
})
