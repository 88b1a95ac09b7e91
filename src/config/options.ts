/**
 * The one table of options. From it come the flags, the variables, the keys of `stockpipe.yaml`, the type
 * `Settings`, `--help`, `stockpipe config` and the reference in README.
 */
import type { Origin } from '../data-dir.ts'
import { LEVELS, LOG_FORMATS } from '../telemetry.ts'
import { address, hostPorts, hosts, listenAddress, webOrigins } from './address.ts'
import { duration, orWord, size } from './measure.ts'
import { COMMANDS, inGroup, type Option } from './option.ts'
import { SIMULATOR_OPTIONS } from './simulator-options.ts'
import { symbols } from './symbols.ts'
import { choice, choices, integer, number, path, text, truth, type ValueType } from './value.ts'

export const ROLES = ['producer', 'processor', 'api'] as const
export type Role = (typeof ROLES)[number]
const ORIGINS = ['live', 'simulated', 'replay'] as const satisfies readonly Origin[]

const roleList: ValueType<readonly Role[]> = {
  ...choices(ROLES),
  accepts: `all, ${ROLES.join(', ')} (several: comma separated)`,
  choices: ['all', ...ROLES],
  parse: (value) => {
    const wanted = choices(['all', ...ROLES]).parse(value)
    return wanted.includes('all') ? ROLES : ROLES.filter((role) => wanted.includes(role))
  },
  print: (value) => (value.length === ROLES.length ? ['all'] : value),
}

const SECOND = 1_000
const HOUR = 3_600 * SECOND
const DAY = 24 * HOUR
const keep = { min: SECOND, max: 36_500 * DAY }

const general = inGroup('general')
const feed = inGroup('feed')
const replay = inGroup('replay')
const data = inGroup('data')
const log = inGroup('log')
const store = inGroup('store')
const retention = inGroup('retention')
const windows = inGroup('windows')
const http = inGroup('http')
const output = inGroup('output')

const seconds = (min: number) => duration({ min, max: HOUR })
const tls = {
  ca: 'CA certificates (PEM) to trust',
  cert: 'Client certificate (PEM)',
  key: 'Key of the client certificate (PEM)',
}
const bounded = size({ min: 1e6, max: 1e15 })
const sizeOrNone: ValueType<number> = {
  accepts: `${bounded.accepts}, or 0`,
  parse: (value) => (value.trim() === '0' ? 0 : bounded.parse(value)),
  print: (value) => (value === 0 ? 0 : bounded.print(value)),
}
const factor = number({ min: 0.01, max: 1_000_000 })
const speed: ValueType<number> = {
  accepts: `${factor.accepts}, or max`,
  parse: (value) => (value.trim().toLowerCase() === 'max' ? Number.POSITIVE_INFINITY : factor.parse(value)),
  print: (value) => (value === Number.POSITIVE_INFINITY ? 'max' : value),
}

/** Their flags are their own. */
const WITHOUT_OPTIONS: ReadonlySet<string> = new Set(['deploy', 'grafana', 'version', 'completion'])

export const OPTIONS = {
  config: general(path, null, {
    describe: 'File with more options, named as the flags without dashes in front',
    defaultText: 'stockpipe.yaml of the working directory, where there is one',
    commands: COMMANDS.filter((name) => !WITHOUT_OPTIONS.has(name)),
  }),
  role: general(roleList, ROLES, { describe: 'What this process does' }),

  feed: feed(choice(['finnhub', 'replay', 'simulated']), 'finnhub', {
    describe: 'Where trades come from',
    defaultText: 'replay with --replay-file, finnhub with a token or --finnhub-url, else simulated',
  }),
  finnhubToken: feed(text('the API key of a Finnhub account'), null, {
    describe: 'Finnhub API key',
    aliases: [{ name: 'FINNHUB_API_TOKEN' }],
    secret: { file: 'finnhubTokenFile' },
  }),
  finnhubTokenFile: feed(path, null, { describe: 'File that holds the Finnhub API key' }),
  finnhubUrl: feed(address('ws', 'wss'), 'wss://ws.finnhub.io', { describe: 'Finnhub websocket' }),
  symbols: feed(symbols, ['BINANCE:BTCUSDT', 'BINANCE:ETHUSDT', 'BINANCE:XRPUSDT', 'BINANCE:DOGEUSDT'], {
    describe: 'Symbols to follow: comma separated, JSON or Python-style list',
    aliases: [{ name: 'FINNHUB_STOCKS_TICKERS' }],
    commands: ['run', 'doctor', 'config', 'simulate'],
  }),
  validateSymbols: feed(truth, false, {
    describe: 'Look the symbols up at the provider before subscribing',
    aliases: [{ name: 'FINNHUB_VALIDATE_TICKERS' }],
  }),
  repeats: feed(choice(['auto', 'collapse', 'keep']), 'auto', {
    describe: 'Trades that the feed delivers more than once: find out, collapse equal ones, or keep all',
  }),

  replayFile: replay(path, null, { describe: 'Recorded frames (NDJSON, .zst by name, - for stdin)' }),
  replaySpeed: replay(speed, 1, { describe: 'How many times faster than recorded, or max' }),
  replayRebase: replay(truth, false, { describe: 'Shift the recorded times so that they begin now' }),
  replayAgain: replay(truth, false, { describe: 'Append a finished file once more' }),
  exitAtEnd: replay(truth, false, { describe: 'After the last frame finish every window, commit and exit' }),

  dataDir: data(path, './stockpipe-data', { describe: 'Folder of the embedded log and store, and of the spool' }),
  origin: data(choice(ORIGINS), null, {
    describe: 'Which data of the folder to read',
    defaultText: 'the only one present',
    commands: ['export', 'verify', 'reprocess', 'dlq', 'backup', 'restore', 'doctor', 'config'],
  }),
  allowMixed: data(truth, false, { describe: 'Let data of another origin into one log and store' }),

  broker: log(choice(['embedded', 'kafka']), 'embedded', {
    describe: 'The log between feed and windows',
    defaultText: 'kafka with --kafka-brokers, else embedded',
  }),
  kafkaBrokers: log(hostPorts(9092), null, {
    describe: 'Kafka bootstrap addresses',
    aliases: [{ name: 'KAFKA_SERVER', port: 'KAFKA_PORT' }],
  }),
  kafkaTopic: log(text('a topic name'), 'market', {
    describe: 'Topic of the trades; the others begin with its name',
    aliases: [{ name: 'KAFKA_TOPIC_NAME' }],
  }),
  partitions: log(integer({ min: 1, max: 10_000 }), 12, {
    describe: 'Partitions of the topic; fixed at its creation',
    aliases: [{ name: 'KAFKA_MIN_PARTITIONS' }],
  }),
  kafkaReplication: log(integer({ min: 1, max: 100 }), null, {
    describe: 'Replicas of each partition, at creation',
    defaultText: 'min(3, brokers)',
  }),
  kafkaGroup: log(text('a consumer group'), 'stockpipe', { describe: 'Consumer group of the processors' }),
  kafkaTls: log(truth, false, { describe: 'Connect to Kafka by TLS' }),
  kafkaTlsCaFile: log(path, null, { describe: tls.ca }),
  kafkaTlsCertFile: log(path, null, { describe: tls.cert }),
  kafkaTlsKeyFile: log(path, null, { describe: tls.key }),
  kafkaSaslMechanism: log(choice(['plain', 'scram-sha-256', 'scram-sha-512']), null, {
    describe: 'How to log in to Kafka',
  }),
  kafkaSaslUsername: log(text('a user name'), null, { describe: 'Kafka user' }),
  kafkaSaslPassword: log(text('a password'), null, {
    describe: 'Kafka password',
    secret: { file: 'kafkaSaslPasswordFile' },
  }),
  kafkaSaslPasswordFile: log(path, null, { describe: 'File that holds the Kafka password' }),
  avroFraming: log(choice(['raw', 'confluent']), 'raw', { describe: 'Bare Avro, or with the schema id in front' }),
  schemaRegistryUrl: log(address('http', 'https'), null, { describe: 'Schema registry, for confluent framing' }),
  spoolSize: log(sizeOrNone, 1e9, {
    describe: 'How much of a live feed may wait on disk while Kafka is away; 0: nothing',
  }),

  store: store(choice(['embedded', 'cassandra']), 'embedded', {
    describe: 'Where rows are kept',
    defaultText: 'cassandra with --cassandra-contact-points, else embedded',
  }),
  cassandraContactPoints: store(hosts, null, {
    describe: 'Cassandra nodes to ask first',
    aliases: [{ name: 'CASSANDRA_HOST' }],
  }),
  cassandraPort: store(integer({ min: 1, max: 65_535 }), 9042, { describe: 'Cassandra port' }),
  cassandraDatacenter: store(text('a datacenter name'), null, {
    describe: 'Local datacenter',
    defaultText: "the first contact point's",
  }),
  cassandraKeyspace: store(text('a keyspace name'), 'market', { describe: 'Keyspace' }),
  cassandraReplication: store(integer({ min: 1, max: 100 }), null, {
    describe: 'Replicas, at creation',
    defaultText: 'min(3, nodes of the datacenter)',
  }),
  cassandraUsername: store(text('a user name'), null, {
    describe: 'Cassandra user',
    aliases: [{ name: 'CASSANDRA_USER' }],
  }),
  cassandraPassword: store(text('a password'), null, {
    describe: 'Cassandra password',
    aliases: [{ name: 'CASSANDRA_PASSWORD' }],
    secret: { file: 'cassandraPasswordFile' },
  }),
  cassandraPasswordFile: store(path, null, { describe: 'File that holds the Cassandra password' }),
  cassandraConsistency: store(choice(['LOCAL_QUORUM', 'LOCAL_ONE', 'QUORUM', 'ONE', 'ALL']), null, {
    describe: 'Consistency of writes',
    defaultText: 'LOCAL_QUORUM; LOCAL_ONE when replication is 1',
  }),
  cassandraTls: store(truth, false, { describe: 'Connect to Cassandra by TLS' }),
  cassandraTlsCaFile: store(path, null, { describe: tls.ca }),
  cassandraTlsCertFile: store(path, null, { describe: tls.cert }),
  cassandraTlsKeyFile: store(path, null, { describe: tls.key }),
  storeDurabilityLag: store(orWord(duration({ min: 0, max: HOUR }), 'auto'), null, {
    describe: 'How long after its acknowledgement a write counts as durable',
  }),

  maxBadPercent: store(integer({ min: 0, max: 100 }), 10, {
    describe: 'More records than this that cannot be read, of the last 1000, and their partition stands still',
  }),
  stallLimit: store(orWord(duration({ min: 10 * SECOND, max: DAY }), 'never'), 120 * SECOND, {
    describe: 'A processor that does not move for so long, without known trouble, ends',
  }),

  retentionLog: retention(orWord(duration(keep), 'forever'), DAY, { describe: 'How long the log is kept' }),
  retentionLogSize: retention(orWord(size({ min: 1e6, max: 1e15 }), 'unlimited'), 2e9, {
    describe: 'How large the log may grow',
  }),
  retentionTrades: retention(orWord(duration(keep), 'forever'), 7 * DAY, {
    describe: 'How long trades and 1 s candles are kept',
  }),
  retentionCandles: retention(orWord(duration(keep), 'forever'), null, {
    describe: 'How long windows and longer candles are kept',
  }),

  window: windows(seconds(SECOND), 15 * SECOND, { describe: 'Length of the running average' }),
  hop: windows(seconds(SECOND), 5 * SECOND, { describe: 'Distance between two windows' }),
  delay: windows(seconds(0), 15 * SECOND, { describe: 'How long a window waits for late trades' }),
  futureLimit: windows(seconds(0), 5 * SECOND, {
    describe: 'A trade further in the future is quarantined',
  }),
  idle: windows(seconds(SECOND), 20 * SECOND, { describe: 'A market quiet for so long closes its windows' }),
  flush: windows(duration({ min: 1, max: 60 * SECOND }), 100, {
    describe: 'Shortest time between two writes of an open window',
  }),

  listen: http(listenAddress, null, {
    describe: 'Where to serve HTTP',
    defaultText: '127.0.0.1:8080 (api), 127.0.0.1:8081 (producer), 127.0.0.1:8082 (processor)',
  }),
  apiToken: http(text('a secret of at least 16 characters', 16), null, {
    describe: 'Secret that callers of the API must send',
    commands: ['run', 'verify', 'setup', 'doctor', 'config'],
    secret: { file: 'apiTokenFile' },
  }),
  apiTokenFile: http(path, null, {
    describe: 'File that holds that secret',
    commands: ['run', 'verify', 'setup', 'doctor', 'config'],
  }),
  corsOrigin: http(webOrigins, null, {
    describe: 'Web pages of other origins that may read the API',
  }),
  rateLimit: http(integer({ min: 0, max: 1_000_000 }), 0, {
    describe: 'Requests a second that one client may make; 0: no limit',
  }),

  grafanaLiveUrl: http(address('http', 'https'), null, {
    describe: 'Grafana that gets trades pushed as they come (role api), for the dashboard "Market live"',
  }),
  grafanaLiveToken: http(text('a token of a Grafana service account'), null, {
    describe: 'Token of a Grafana service account that may push',
    secret: { file: 'grafanaLiveTokenFile' },
  }),
  grafanaLiveTokenFile: http(path, null, { describe: 'File that holds that token' }),

  logLevel: output(choice(LEVELS), 'info', { describe: 'Least important messages to print' }),
  logFormat: output(choice(LOG_FORMATS), null, {
    describe: 'Words or JSON lines',
    defaultText: 'pretty on a terminal, else json',
  }),

  ...SIMULATOR_OPTIONS,
}

export type Options = typeof OPTIONS
export type Key = keyof Options
type ValueOf<O> = O extends Option<infer T> ? T : never
/** Every option with its value, by key. */
export type Settings = { readonly [K in Key]: ValueOf<Options[K]> }
export const KEYS = Object.keys(OPTIONS) as Key[]
