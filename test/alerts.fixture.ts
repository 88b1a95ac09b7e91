/** A pipeline that can be broken part by part, and the alerts as a Prometheus evaluates them that looks at it. */
import { join } from 'node:path'

import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs'

import { temporaryFolder } from './binary.ts'
import { type CutProxy, openCutProxy } from './cut-proxy.ts'
import { openMarket, type ServerAddresses } from './market.ts'
import { type Prometheus, startPrometheus } from './prometheus.ts'
import { type Running, running } from './running.ts'
import { market, readyOnce } from './server-faults.fixture.ts'
import { freePorts } from './services/ports.ts'
import { nameOf, prometheusRules } from '../grafana/src/alert-files.ts'
import { type Alert, ALERTS } from '../grafana/src/alerts.ts'

const SYMBOLS = 'BINANCE:BTCUSDT,AAPL'

/** What a threshold counts: time that passes, what happened within the range of its expression, or neither. */
const COUNTS: Readonly<Record<string, 'time' | 'rate'>> = {
  'stockpipe-feed-silent': 'time',
  'stockpipe-lag': 'time',
  'stockpipe-write-errors': 'rate',
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }
const shorter = (duration: string, factor: number): string =>
  factor === 1
    ? duration
    : `${Math.round((Number.parseInt(duration, 10) * (UNIT_MS[duration.at(-1) ?? ''] ?? 1)) / factor)}ms`

/**
 * The same alerts in a world in which time passes faster: ranges, offsets and `for` are shorter by the factor, and so are
 * the thresholds that are times or rates. Everything else in an expression stays as it is.
 */
export const hastened = (factor: number): Alert[] =>
  ALERTS.map((alert) => ({
    ...alert,
    expr: alert.expr.replaceAll(/(?<=\[|offset )\d+[smh]/g, (duration) => shorter(duration, factor)),
    above: COUNTS[alert.uid] === undefined ? alert.above : alert.above / factor,
    for: shorter(alert.for, factor),
  }))

/** Prometheus' rules of them, as a file holds them. */
export const hastenedRules = (factor: number) => prometheusRules(hastened(factor), shorter('30s', factor))

/** A role of its own, on a port that it keeps, so that it can die and come back as the same target. */
export interface Role extends AsyncDisposable {
  address: string
  run: Running
  kill(): Promise<void>
  start(): void
}

export interface Lab extends AsyncDisposable {
  prometheus: Prometheus
  simulator: Running
  processor: Role
  api: Role
  /** Prometheus finds all of them, or all but one. */
  readonly discoversAllBut: (role: Role | null) => Promise<unknown>
  /** Between the roles and Cassandra. */
  store: CutProxy
  /** Appends to the topic as a stranger would. */
  readonly append: (value: string) => Promise<unknown>
  /** The largest record that the topic takes, bytes: below that of ours the log takes none of them. */
  readonly limitRecords: (bytes: number) => Promise<unknown>
}

/** Three roles on Kafka and, by way of a proxy, Cassandra; ready, with trades stored. */
export async function openLab(servers: ServerAddresses, factor: number): Promise<Lab> {
  await using scope = new AsyncDisposableStack()
  const folder = scope.use(temporaryFolder())
  const [host = ''] = servers.cassandra.contactPoints
  const store = scope.use(await openCutProxy({ host, port: servers.cassandra.port }))
  const { name, log, store: ofStore } = scope.use(openMarket(servers))
  const toStore = ofStore.map((word) => (word === String(servers.cassandra.port) ? String(store.port) : word))
  const { simulator, url } = await market('--rate', '60')
  scope.use(simulator)
  const ports = await freePorts(3)
  const roleOf = (role: string, index: number, ...words: string[]): Role => {
    const address = `127.0.0.1:${ports[index]}`
    const args = [
      'run',
      '--listen',
      address,
      '--symbols',
      SYMBOLS,
      '--role',
      role,
      '--partitions',
      '2',
      ...log,
      ...words,
    ]
    const start = () => running(args)
    const self: Role = {
      address,
      run: start(),
      async kill() {
        self.run.child.kill('SIGKILL')
        await self.run.child.exited
      },
      start: () => void (self.run = start()),
      [Symbol.asyncDispose]: () => self.run[Symbol.asyncDispose](),
    }
    return scope.use(self)
  }
  const producer = roleOf('producer', 0, '--finnhub-url', url, '--data-dir', join(folder.path, 'producer'))
  const [processor, api] = [roleOf('processor', 1, ...toStore), roleOf('api', 2, ...toStore)]
  const roles = [producer, processor, api]
  const rules = join(folder.path, 'rules.yaml')
  await Bun.write(rules, JSON.stringify(hastenedRules(factor)))
  for (const { run } of roles) await readyOnce(await run.url(), ({ status }) => status === 200)
  const addressesBut = (left: Role | null) => roles.filter((role) => role !== left).map(({ address }) => address)
  const prometheus = scope.use(await startPrometheus(addressesBut(null), rules))
  const kafka = scope.use(kafkaClient(servers, name))
  const opened = scope.move()
  return {
    prometheus,
    simulator,
    store,
    processor,
    api,
    discoversAllBut: (left) => prometheus.discovers(addressesBut(left)),
    ...kafka,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function kafkaClient({ kafka }: ServerAddresses, topic: string) {
  const client = new Kafka({ clientId: 'test', brokers: [...kafka.brokers], logLevel: logLevel.NOTHING })
  const producer = client.producer()
  const admin = client.admin()
  return {
    async append(value: string) {
      await producer.connect()
      await producer.send({ topic, messages: [{ key: 'AAPL', value }] })
    },
    async limitRecords(bytes: number) {
      await admin.connect()
      const configEntries = [{ name: 'max.message.bytes', value: String(bytes) }]
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
      await admin.alterConfigs({ validateOnly: false, resources })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([producer.disconnect(), admin.disconnect()])
    },
  }
}

/** What one alert did, mostly by what Prometheus itself wrote down; seconds. */
export interface Course {
  /** From the fault until it fired, and from the cure until it was neither firing nor about to. */
  fired: number
  cleared: number
  /** Whether Prometheus ever saw it firing before its fault was made. */
  wasEarly: boolean
  wasPending: boolean
}

/** Unix seconds. */
interface Moments {
  madeAt: number
  healedAt: number
  clearedAt: number
}
const now = () => Date.now() / 1_000
const NEVER = Number.NaN
const LOOK_EVERY_MS = 200

/** Waits for alerts, and keeps when their faults were made and healed. */
export class AlertBook {
  readonly #prometheus: Prometheus
  readonly #faults = new Map<string, Moments>()
  readonly #openedAt = now()

  constructor(prometheus: Prometheus) {
    this.#prometheus = prometheus
  }

  /** The fault of these alerts is made now. */
  made(...titles: string[]): void {
    for (const title of titles) this.#faults.set(title, { madeAt: now(), healedAt: NEVER, clearedAt: NEVER })
  }

  healed(...titles: string[]): void {
    for (const title of titles) Object.assign(this.#faults.get(title) ?? {}, { healedAt: now() })
  }

  async isFiring(title: string): Promise<boolean> {
    return (await this.#prometheus.alerts()).get(nameOf(title)) === 'firing'
  }

  /** Once each of them fires. */
  async fire(...titles: string[]): Promise<void> {
    for (const title of titles) while (!(await this.isFiring(title))) await Bun.sleep(LOOK_EVERY_MS)
  }

  /** Once each of them neither fires nor is about to. */
  async clear(...titles: string[]): Promise<void> {
    await Promise.all(
      titles.map(async (title) => {
        while ((await this.#prometheus.alerts()).has(nameOf(title))) await Bun.sleep(LOOK_EVERY_MS)
        const moments = this.#faults.get(title)
        if (moments !== undefined && Number.isNaN(moments.clearedAt)) moments.clearedAt = now()
      }),
    )
  }

  /** Throws for an alert whose fault was not made. */
  async course(title: string): Promise<Course> {
    const moments = this.#faults.get(title)
    if (moments === undefined) throw new Error(`nobody made the fault of "${title}"`)
    const firstOf = async (state: 'pending' | 'firing') => {
      const series = `ALERTS{alertname="${nameOf(title)}",alertstate="${state}"}`
      const since = Math.floor(now() - this.#openedAt)
      return (await this.#prometheus.query(`min_over_time(timestamp(${series})[${since}s:1s])`))[0] ?? NEVER
    }
    const firedAt = await firstOf('firing')
    return {
      fired: Math.round(firedAt - moments.madeAt),
      cleared: Math.round(moments.clearedAt - moments.healedAt),
      wasEarly: firedAt < Math.floor(moments.madeAt),
      wasPending: !Number.isNaN(await firstOf('pending')),
    }
  }
}
