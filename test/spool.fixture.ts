/** A producer of a live feed on a Kafka that goes away: what it was sent, compared with what the log holds. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { temporaryFolder } from './binary.ts'
import { type Running, running, until } from './running.ts'
import { market } from './server-faults.fixture.ts'
import { type KafkaServers, startKafka } from './services/kafka.ts'
import { systemClock } from '../src/clock.ts'
import { KafkaBroker } from '../src/stream/broker/kafka.ts'
import { decodeRecord, type DecodedRecord, type GapMark } from '../src/stream/codec.ts'
import { Health, silentLog } from '../src/telemetry.ts'

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

export async function scene(): Promise<Scene> {
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

/** One that lasts is told again with a later end, and one that is told twice is one row: the latest end stays. */
function asRows(told: readonly GapMark[]): GapMark[] {
  const rows = new Map<string, GapMark>()
  for (const gap of told) {
    const key = JSON.stringify([gap.symbol, gap.from, gap.cause])
    const before = rows.get(key)
    if (before === undefined || before.to < gap.to) rows.set(key, gap)
  }
  return [...rows.values()]
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
  const gaps = asRows(log.flat().flatMap(({ gap }) => gap ?? []))
  // What was still on its way when the last producer stopped: the next one would find the gap.
  const end = Math.max(...log.flat().map(({ received }) => received ?? 0)) - UNDER_WAY_MS
  const isSeen = (at: number) => at < end && !gaps.some(({ from, to }) => at >= from - UNDER_WAY_MS && at < to)
  for (const { at, trades } of sent)
    for (const name of trades) {
      const count = counts.get(name) ?? 0
      if (count > 0) counts.set(name, count - 1)
      else if (isSeen(at)) wrong.push(`${name} is lost`)
    }
  for (const [name, count] of counts) if (count > 0) wrong.push(`${name} is there ${count} times too often`)
  return { wrong: wrong.slice(0, 10), gaps, trades: sent.flatMap(({ trades }) => trades).length, copies }
}

/** Bytes that wait on disk. */
export const spooled = (run: Running): Promise<number> => measured(run, 'stockpipe_spool_bytes')

/** One of its metrics. */
async function measured(run: Running, name: string): Promise<number> {
  const text = await (await fetch(`${await run.url()}/metrics`)).text()
  const line = text.split('\n').find((line) => line.startsWith(`${name} `))
  return Number(line?.split(' ')[1] ?? 0)
}

export const says = (run: Running, event: string): Promise<unknown> =>
  until(
    () => run.named(event).length,
    (count) => count > 0,
  )

export async function killed(run: Running): Promise<void> {
  run.child.kill('SIGKILL')
  await run.child.exited
}

/** Waits until the log, or the disk, has taken so many trades. */
export const takes = (run: Running, trades: number): Promise<unknown> =>
  until(
    () => measured(run, 'stockpipe_trades_total{stage="appended"}'),
    (count) => count >= trades,
  )
