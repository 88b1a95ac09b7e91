/** A live feed while Kafka is away: what the producer was sent, compared with what the log holds. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { temporaryFolder } from './binary.ts'
import { type Running, running, until } from './running.ts'
import { market } from './server-faults.fixture.ts'
import { type KafkaServers, startKafka } from './services/kafka.ts'
import { canStartServices } from './services/services.ts'
import { smallDisk } from './small-disk.ts'
import { systemClock } from '../src/clock.ts'
import { KafkaBroker } from '../src/stream/broker/kafka.ts'
import { decodeRecord, type DecodedRecord, type GapMark } from '../src/stream/codec.ts'
import { Health, silentLog } from '../src/telemetry.ts'

const LIMIT_MS = 120_000
const TOPIC = 'market'
const PARTITIONS = 2
const RATE = 2_000
/** Between sending and receiving, on one machine that may be busy. */
const UNDER_WAY_MS = 500

interface Scene extends AsyncDisposable {
  kafka: KafkaServers
  folder: string
  start(dataDir?: string): Running
  /** Stops the market, and answers what is wrong with the log, as sentences. */
  compare(): Promise<{ wrong: string[]; gaps: readonly GapMark[]; trades: number; copies: number }>
}

async function scene(): Promise<Scene> {
  const scope = new AsyncDisposableStack()
  const folder = scope.use(temporaryFolder())
  const kafka = await startKafka()
  scope.defer(() => kafka.stop())
  const truth = join(folder.path, 'truth.ndjson')
  const { simulator, url } = await market('--rate', String(RATE), '--truth', truth)
  scope.use(simulator)
  const log = ['--kafka-brokers', kafka.brokers.join(), '--partitions', String(PARTITIONS)]
  const feed = ['--role', 'producer', '--finnhub-url', url, '--symbols', 'BINANCE:BTCUSDT,AAPL', '--repeats', 'keep']
  return {
    kafka,
    folder: folder.path,
    start: (dataDir = join(folder.path, 'data')) =>
      scope.use(running(['run', '--listen', '127.0.0.1:0', '--data-dir', dataDir, ...feed, ...log])),
    async compare() {
      await simulator.stop()
      return differences(sentTo(truth), await logOf(kafka))
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  }
}

interface Sent {
  at: number
  trades: readonly string[]
}

const nameOf = ({ s, t, p, v }: { s: string; t: number; p: number; v: number }) => `${s} ${t} ${p} ${v}`

/** Every frame that was sent to somebody. */
const sentTo = (truth: string): Sent[] =>
  readFileSync(truth, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const { received, frame } = JSON.parse(line) as { received: number; frame: string }
      const { data = [] } = JSON.parse(frame) as { data?: { s: string; t: number; p: number; v: number }[] }
      return { at: received, trades: data.map(nameOf) }
    })

async function logOf(kafka: KafkaServers): Promise<DecodedRecord[][]> {
  const around = { clock: systemClock, log: silentLog, health: new Health() }
  await using broker = new KafkaBroker({ brokers: kafka.brokers, tls: null, sasl: null, replication: null, ...around })
  const bounds = await broker.bounds(TOPIC)
  return Promise.all(
    bounds.map(async ({ end }, partition) => {
      const found: DecodedRecord[] = []
      if (end === 0) return found
      for await (const { records } of broker.read(TOPIC, partition, 0, new AbortController().signal)) {
        found.push(...records.map((record) => decodeRecord(record)))
        if ((records.at(-1)?.offset ?? -1) + 1 >= end) break
      }
      return found
    }),
  )
}

function differences(sent: readonly Sent[], log: readonly (readonly DecodedRecord[])[]) {
  const wrong: string[] = []
  const counts = new Map<string, number>()
  let copies = 0
  for (const records of log) {
    // As readers do: a record that is not behind all others of its session was sent twice.
    const last = new Map<string, { seq: number; k: number }>()
    let received = 0
    for (const record of records) {
      if (record.session === null) continue
      const { seq, k } = last.get(record.session) ?? { seq: -1, k: -1 }
      if (record.seq < seq || (record.seq === seq && record.k <= k)) {
        copies++
        continue
      }
      last.set(record.session, record)
      if ((record.received ?? 0) < received) wrong.push(`${record.session} ${record.seq} passed others`)
      received = record.received ?? 0
      for (const entry of record.entries) counts.set(nameOf(entry), (counts.get(nameOf(entry)) ?? 0) + 1)
    }
  }
  const gaps = log.flatMap((records) => records.flatMap(({ gap }) => gap ?? []))
  const isSeen = (at: number) => !gaps.some(({ from, to }) => at >= from - UNDER_WAY_MS && at < to)
  for (const { at, trades } of sent)
    for (const name of trades) {
      const count = counts.get(name) ?? 0
      if (count > 0) counts.set(name, count - 1)
      else if (isSeen(at)) wrong.push(`${name} is lost`)
    }
  for (const [name, count] of counts) if (count > 0) wrong.push(`${name} is there ${count} times too often`)
  return { wrong: wrong.slice(0, 5), gaps, trades: sent.flatMap(({ trades }) => trades).length, copies }
}

const spooled = async (run: Running): Promise<number> =>
  Number(/^stockpipe_spool_bytes (\S+)$/m.exec(await (await fetch(`${await run.url()}/metrics`)).text())?.[1] ?? 0)

const says = (run: Running, event: string): Promise<unknown> =>
  until(
    () => run.named(event).length,
    (count) => count > 0,
  )

async function killed(run: Running): Promise<void> {
  run.child.kill('SIGKILL')
  await run.child.exited
}

test.skipIf(!canStartServices())(
  'Kafka stopped, killed and back, and the producer killed and stopped meanwhile: all that was received is in the log once',
  async () => {
    await using all = await scene()
    const { kafka } = all
    const first = all.start()
    await until(
      async () => /stage="appended"\} [1-9]\d{3}/.test(await (await fetch(`${await first.url()}/metrics`)).text()),
      Boolean,
    )
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

    await kafka.restart()
    const fourth = all.start()
    await says(fourth, 'spool.found')
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
    for (const { from, to } of gaps) expect(to - from).toBeLessThan(5_000)
  },
  LIMIT_MS,
)

test.skipIf(!canStartServices())(
  'a disk that is full while Kafka is away: it says so, keeps what memory holds, and goes on when there is room',
  async () => {
    using disk = smallDisk('3m')
    if (disk === null) return
    await using all = await scene()
    const run = all.start(disk.path)
    await until(
      async () => /stage="appended"\} [1-9]\d{3}/.test(await (await fetch(`${await run.url()}/metrics`)).text()),
      Boolean,
    )
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

test.skipIf(!canStartServices())(
  'a folder that cannot be written: it is said, and the feed goes on without',
  async () => {
    await using all = await scene()
    const run = all.start('/proc/nowhere')
    await until(
      async () => /stage="appended"\} [1-9]\d{2}/.test(await (await fetch(`${await run.url()}/metrics`)).text()),
      Boolean,
    )
    expect(run.named('spool.unavailable')).toHaveLength(1)
    expect(await run.stop()).toBe(0)
  },
  LIMIT_MS,
)
