import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { inTurn, type Latency, latencyOf, loadWords, machineLoad, millis, table, times, whole } from './figures.ts'
import { type LogSubject, ofBroker, ofKafkajs } from './log-subjects.ts'
import type { BenchReport } from './report.ts'
import { connected, openKafka } from './servers.ts'
import { recordedTrades } from './trades.ts'
import type { Clock } from '../clock.ts'
import type { Settings } from '../config.ts'
import type { Broker, NewRecord } from '../stream/broker.ts'
import { openEmbeddedBroker } from '../stream/broker/embedded.ts'
import { silentLog } from '../telemetry.ts'

const PER_RECORD = 20
const SYMBOLS = 50
const RECORDS = 20_000
const PER_CALL = 100
/** Calls of `append` under way. */
const IN_FLIGHT = 4
const ROUNDS = 3
const SINGLES = 300

export interface LogBench {
  settings: Settings
  clock: Clock
  signal: AbortSignal
  note: (text: string) => void
  /** The log of the pipeline on Kafka. */
  open: (settings: Settings) => Broker
}

/** One way to the log. */
interface Figures {
  append_records_per_second: number
  read_records_per_second: number
  /** Of one record at a time. */
  append_ms: Latency
}

/** Appending and reading by the contract `Broker`; on Kafka beside bare kafkajs, in turns, on topics of their own. */
export const benchBroker = (bench: LogBench): Promise<BenchReport> =>
  bench.settings.broker === 'kafka' ? onKafka(bench) : embedded(bench)

async function onKafka({ settings, clock, signal, note, open }: LogBench): Promise<BenchReport> {
  const kafka = openKafka(settings)
  const { partitions } = settings
  const name = `bench-${clock.now().toString(36)}`
  const topics = { stockpipe: `${name}-stockpipe`, kafkajs: `${name}-kafkajs` }
  const admin = kafka.admin()
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await using broker = open(settings)
  try {
    await connected(admin, producer)
    for (const topic of Object.values(topics)) await broker.createTopic({ name: topic, partitions })
    const subjects = {
      stockpipe: ofBroker(broker, { topic: topics.stockpipe, partitions }),
      kafkajs: ofKafkajs(kafka, producer, { topic: topics.kafkajs, partitions }),
    }
    return report(await compare(subjects, { signal, note }))
  } finally {
    await admin.deleteTopics({ topics: Object.values(topics) }).catch(() => {})
    await admin.deleteGroups([topics.kafkajs]).catch(() => {})
    await Promise.allSettled([admin.disconnect(), producer.disconnect()])
  }
}

async function embedded({ settings, clock, signal, note }: LogBench): Promise<BenchReport> {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-bench-'))
  try {
    await using broker = await openEmbeddedBroker({ path: join(folder, 'log.db'), clock, log: silentLog })
    const { partitions } = settings
    await broker.createTopic({ name: 'bench', partitions })
    const subjects = { embedded: ofBroker(broker, { topic: 'bench', partitions }) }
    return report(await compare(subjects, { signal, note }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The best of several rounds for throughput; all singles for latency. The subjects take turns. */
async function compare<Name extends string>(
  subjects: Readonly<Record<Name, LogSubject>>,
  { signal, note }: { signal: AbortSignal; note: (text: string) => void },
): Promise<Record<Name, Figures>> {
  const names = Object.keys(subjects) as Name[]
  const appended = new Map<Name, number>()
  const singles = new Map<Name, number[]>()
  for (let round = 0; round < ROUNDS; round++)
    for (const name of inTurn(names, round)) {
      signal.throwIfAborted()
      note(`${name}: append ${whole(RECORDS)} records, then ${SINGLES} one by one`)
      const seconds = await appendAll(subjects[name], records(RECORDS, `all-${round}`), signal)
      appended.set(name, Math.max(appended.get(name) ?? 0, RECORDS / seconds))
      const latencies = await appendSingly(subjects[name], records(SINGLES, `single-${round}`), signal)
      singles.set(name, [...(singles.get(name) ?? []), ...latencies])
    }
  const count = ROUNDS * (RECORDS + SINGLES)
  const read = new Map<Name, number>()
  for (let round = 0; round < ROUNDS; round++)
    for (const name of inTurn(names, round)) {
      note(`${name}: read ${whole(count)} records`)
      read.set(name, Math.max(read.get(name) ?? 0, count / (await subjects[name].read(count, signal))))
    }
  const figures: Partial<Record<Name, Figures>> = {}
  for (const name of names)
    figures[name] = {
      append_records_per_second: appended.get(name) ?? Number.NaN,
      read_records_per_second: read.get(name) ?? Number.NaN,
      append_ms: latencyOf(singles.get(name) ?? []),
    }
  return figures as Record<Name, Figures>
}

async function appendAll(subject: LogSubject, all: readonly NewRecord[], signal: AbortSignal): Promise<number> {
  const startedAt = Bun.nanoseconds()
  const underWay = new Set<Promise<void>>()
  for (let at = 0; at < all.length && !signal.aborted; at += PER_CALL) {
    if (underWay.size >= IN_FLIGHT) await Promise.race(underWay)
    const call = subject.append(all.slice(at, at + PER_CALL)).finally(() => underWay.delete(call))
    underWay.add(call)
  }
  await Promise.all(underWay)
  return (Bun.nanoseconds() - startedAt) / 1e9
}

async function appendSingly(subject: LogSubject, all: readonly NewRecord[], signal: AbortSignal): Promise<number[]> {
  const latencies: number[] = []
  for (const record of all) {
    signal.throwIfAborted()
    const startedAt = Bun.nanoseconds()
    await subject.append([record])
    latencies.push((Bun.nanoseconds() - startedAt) / 1e6)
  }
  return latencies
}

const records = (count: number, session: string): NewRecord[] =>
  recordedTrades({ records: count, perRecord: PER_RECORD, symbols: SYMBOLS }).map(({ key, value, headers }) => ({
    key,
    value,
    headers: { ...headers, session },
  }))

function report(figures: Readonly<Record<string, Figures>>): BenchReport {
  const machine = machineLoad()
  const rows = [['', 'append records/s', 'read records/s', 'append p50 ms', 'p90', 'p99']]
  for (const [name, { append_ms: ms, ...rates }] of Object.entries(figures))
    rows.push([
      name,
      whole(rates.append_records_per_second),
      whole(rates.read_records_per_second),
      ...[ms.p50, ms.p90, ms.p99].map(millis),
    ])
  const { stockpipe: ours, kafkajs: bare } = figures
  if (ours !== undefined && bare !== undefined)
    rows.push([
      'stockpipe : kafkajs',
      times(ours.append_records_per_second / bare.append_records_per_second),
      times(ours.read_records_per_second / bare.read_records_per_second),
      times(ours.append_ms.p50 / bare.append_ms.p50),
      times(ours.append_ms.p90 / bare.append_ms.p90),
      times(ours.append_ms.p99 / bare.append_ms.p99),
    ])
  return {
    text: [
      `records of ${PER_RECORD} trades; throughput: ${PER_CALL} records a call, ${IN_FLIGHT} calls under way; latency: one record at a time`,
      `after: ${loadWords(machine)}`,
      '',
      table(rows),
    ].join('\n'),
    json: { machine, ...figures },
  }
}
