import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { defaultListen, OPTIONS, type Settings } from './config.ts'
import { configFolder } from './config/load.fixture.ts'
import { envOf, flagOf, type Option } from './config/option.ts'
import { KEYS, type Key } from './config/options.ts'
import { asYaml, showSettings, showValue } from './config/show.ts'
import { toExitCode, toWords } from './errors.ts'

const { folder, file, load, errorOf, wordsOf } = configFolder()

describe('sources', () => {
  test('a flag beats a variable, a variable the file, and the file the default', () => {
    const config = file('hop: 1s\nwindow: 10s\ndelay: 3s\n')
    const { settings, origins } = load({
      flags: { config, hop: '3s' },
      env: { STOCKPIPE_HOP: '2s', STOCKPIPE_WINDOW: '30s' },
    })
    expect([settings.hop, settings.window, settings.delay, settings.idle]).toEqual([3_000, 30_000, 3_000, 20_000])
    expect([origins.hop.source, origins.window.source, origins.delay.source, origins.idle.source]).toEqual([
      'flag',
      'environment',
      'file',
      'default',
    ])
    expect(origins.delay.name).toBe(`${config}: delay`)
  })

  test('stockpipe.yaml of the working directory is read, and nothing is said when there is none', () => {
    const cwd = mkdtempSync(join(folder, 'cwd-'))
    expect(load({ cwd }).settings.partitions).toBe(12)
    writeFileSync(join(cwd, 'stockpipe.yaml'), 'partitions: 3\n')
    expect(load({ cwd }).settings.partitions).toBe(3)
    expect(load({ cwd }).origins.partitions.name).toBe('stockpipe.yaml: partitions')
  })

  test('a named file must be there', () => {
    expect(wordsOf({ flags: { config: 'nowhere.yaml' } })).toContain('cannot read nowhere.yaml')
    expect(wordsOf({ env: { STOCKPIPE_CONFIG: 'nowhere.yaml' } })).toContain('cannot read nowhere.yaml')
  })

  test.each(['- a list', 'just words', 'a: [1\nb: {', 'hop: 5s\nhop: 1s'])('the file %j is refused', (text) => {
    expect(toExitCode(errorOf({ flags: { config: file(text) } }))).toBe(2)
  })

  test('values of every YAML kind are understood', () => {
    const config = file('symbols: [AAPL, "IC MARKETS:1", 700]\nexit-at-end: true\npartitions: 4\norigin:\n')
    const { settings } = load({ flags: { config } })
    expect(settings.symbols).toEqual(['AAPL', 'IC MARKETS:1', '700'])
    expect([settings.exitAtEnd, settings.partitions, settings.origin]).toEqual([true, 4, null])
  })

  test('an empty variable counts as not set', () => {
    const { settings, origins } = load({ env: { STOCKPIPE_HOP: '', FINNHUB_API_TOKEN: ' ' } })
    expect([settings.hop, settings.finnhubToken, origins.hop.source]).toEqual([5_000, null, 'default'])
  })

  test('every option can be given by its variable', () => {
    for (const key of KEYS) {
      const option: Option<unknown> = OPTIONS[key]
      if (key === 'config' || option.secret) continue
      const text = sample(key)
      const related =
        key === 'broker'
          ? { STOCKPIPE_KAFKA_BROKERS: 'k' }
          : key === 'store'
            ? { STOCKPIPE_CASSANDRA_CONTACT_POINTS: 'c' }
            : {}
      const pair = /Tls(Cert|Key)File$/.test(key)
        ? { [envOf(key.replace(/Cert|Key(?=File)/, (word) => (word === 'Cert' ? 'Key' : 'Cert')))]: 'x' }
        : {}
      if (/(Token|Password)File$/.test(key)) continue
      const { origins } = load({ env: { [envOf(key)]: text, ...related, ...pair } })
      expect([key, origins[key].name]).toEqual([key, envOf(key)])
    }
  })
})

/** Some valid text for an option. */
function sample(key: Key): string {
  const option: Option<unknown> = OPTIONS[key]
  const shown = showValue(key, option.default)
  if (shown !== null) return Array.isArray(shown) ? shown.join(',') : String(shown)
  const special: Partial<Record<Key, string>> = {
    kafkaBrokers: 'a:1,b',
    schemaRegistryUrl: 'http://registry:8081',
    grafanaLiveUrl: 'http://grafana:3000',
    listen: '0.0.0.0:80',
    corsOrigin: 'https://example.com',
    simulateLate: '0.1,20s',
    simulateStall: '1m,10s',
    simulateClose: '5s',
  }
  return special[key] ?? option.type.choices?.[0] ?? '3'
}

describe('older names', () => {
  const env = {
    FINNHUB_API_TOKEN: 'abc',
    FINNHUB_STOCKS_TICKERS: '["BINANCE:BTCUSDT", "AAPL"]',
    FINNHUB_VALIDATE_TICKERS: '1',
    KAFKA_SERVER: 'kafka-bootstrap',
    KAFKA_PORT: '9093',
    KAFKA_TOPIC_NAME: 'trades',
    KAFKA_MIN_PARTITIONS: '1',
    CASSANDRA_HOST: 'cassandra',
    CASSANDRA_USER: 'me',
    CASSANDRA_PASSWORD: 'pass word',
  }

  test('are understood', () => {
    const { settings, warnings } = load({ env })
    const expected: Partial<Settings> = {
      finnhubToken: 'abc',
      symbols: ['BINANCE:BTCUSDT', 'AAPL'],
      validateSymbols: true,
      kafkaBrokers: ['kafka-bootstrap:9093'],
      kafkaTopic: 'trades',
      partitions: 1,
      cassandraContactPoints: ['cassandra'],
      cassandraUsername: 'me',
      cassandraPassword: 'pass word',
      feed: 'finnhub',
      broker: 'kafka',
      store: 'cassandra',
    }
    expect(settings).toMatchObject(expected)
    expect(warnings).toEqual([])
  })

  test('give way to ours', () => {
    const { settings, origins } = load({
      env: { ...env, STOCKPIPE_KAFKA_TOPIC: 'market', STOCKPIPE_KAFKA_BROKERS: 'other:1' },
    })
    expect([settings.kafkaTopic, settings.kafkaBrokers]).toEqual(['market', ['other:1']])
    expect(origins.kafkaTopic.name).toBe('STOCKPIPE_KAFKA_TOPIC')
    expect(origins.symbols.name).toBe('FINNHUB_STOCKS_TICKERS')
  })

  test('KAFKA_PORT as Kubernetes makes it for a service is ignored', () => {
    const { settings } = load({ env: { KAFKA_SERVER: 'kafka', KAFKA_PORT: 'tcp://10.96.0.1:9092' } })
    expect(settings.kafkaBrokers).toEqual(['kafka:9092'])
  })

  test('a port that the server names itself stays, and a port alone has no effect and says so', () => {
    expect(load({ env: { KAFKA_SERVER: 'a:1, b', KAFKA_PORT: '2' } }).settings.kafkaBrokers).toEqual(['a:1', 'b:2'])
    const { settings, warnings } = load({ env: { KAFKA_PORT: '9092' } })
    expect(settings.broker).toBe('embedded')
    expect(warnings).toEqual(['KAFKA_PORT has no effect without KAFKA_SERVER'])
  })
})

describe('what is chosen because of something else', () => {
  test.each([
    [{}, 'simulated'],
    [{ FINNHUB_API_TOKEN: 'x' }, 'finnhub'],
    [{ STOCKPIPE_FINNHUB_URL: 'ws://127.0.0.1:8090' }, 'finnhub'],
    [{ STOCKPIPE_REPLAY_FILE: 'a.ndjson', FINNHUB_API_TOKEN: 'x' }, 'replay'],
    [{ STOCKPIPE_FEED: 'simulated', FINNHUB_API_TOKEN: 'x' }, 'simulated'],
  ])('with %j the feed is %s', (env: Record<string, string>, feed) => {
    expect(load({ env }).settings.feed as string).toBe(feed)
  })

  test('an explicit choice stands', () => {
    const { settings } = load({ flags: { broker: 'embedded' }, env: { KAFKA_SERVER: 'kafka' } })
    expect(settings.broker).toBe('embedded')
  })

  test('each role alone has a port of its own', () => {
    expect(defaultListen(['producer', 'processor', 'api']).port).toBe(8080)
    expect(defaultListen(['producer']).port).toBe(8081)
    expect(defaultListen(['processor']).port).toBe(8082)
  })
})

describe('problems', () => {
  test('all of them are told at once, each with where, what and what is allowed', () => {
    const config = file('hopp: 5s\nidle: soon\n')
    const words = wordsOf({
      flags: { config, symbls: 'A', window: '15', feed: 'kafka' },
      env: { STOCKPIPE_PARTITIONS: '0', KAFKA_MIN_PARTITIONS: '3' },
    })
    for (const part of [
      '6 things',
      'unknown option --symbls; did you mean --symbols?',
      `${config}: unknown key hopp; did you mean hop?`,
      '--window "15" has no unit; write 15s or 15ms',
      '--feed "kafka" is not one of the choices; allowed: finnhub, replay, simulated',
      'STOCKPIPE_PARTITIONS "0" is too small; allowed: a whole number from 1 to 10000',
      `${config}: idle "soon" is not a duration; allowed: 1s to 1h`,
    ])
      expect(words).toContain(part)
  })

  test.each([
    [{ window: '14s' }, '--window 14s is not a whole multiple of --hop 5s'],
    [{ window: '3s', hop: '1500ms' }, '--hop 1500ms is not a whole number of seconds'],
    [{ flush: '2h' }, '--flush "2h" is too long'],
    [{ flush: '5 parsecs' }, 'unknown unit parsecs'],
    [{ 'retention-log-size': '2' }, 'has no unit'],
    [{ broker: 'kafka' }, '--broker kafka needs --kafka-brokers'],
    [{ store: 'cassandra' }, '--store cassandra needs --cassandra-contact-points'],
    [{ 'kafka-brokers': 'http://kafka:9092' }, 'has a scheme'],
    [{ 'kafka-brokers': 'kafka:99999' }, 'ports go from 1 to 65535'],
    [{ 'finnhub-url': 'https://finnhub.io' }, 'allowed: an address that begins with ws:// or wss://'],
    [{ listen: 'localhost' }, 'has no port'],
    [{ role: 'consumer' }, 'allowed: all, producer, processor, api'],
    [{ 'exit-at-end': 'maybe' }, 'neither true nor false'],
    [{ 'data-dir': '' }, '--data-dir is empty'],
    [{ 'data-dir': ['a', 'b'] }, '--data-dir has more than one value'],
    [{ 'cors-origin': 'example.com' }, 'no origin of a web page'],
    [{ 'kafka-tls-cert-file': 'c.pem' }, '--kafka-tls-cert-file and --kafka-tls-key-file go together'],
    [{ rate: '3' }, '--rate is no option of run'],
  ])('%j is refused', (flags: Record<string, unknown>, words) => {
    const error = errorOf({ flags })
    expect(toWords(error)).toContain(words)
    expect(toExitCode(error)).toBe(2)
  })

  test('an unknown variable of ours is a warning, one that Kubernetes makes for a service is not', () => {
    const { warnings } = load({
      env: {
        STOCKPIPE_SYMBOL: 'A',
        STOCKPIPE_API_SERVICE_HOST: '10.0.0.1',
        STOCKPIPE_API_SERVICE_PORT_HTTP: '8080',
        STOCKPIPE_API_PORT: 'tcp://10.0.0.1:8080',
        STOCKPIPE_API_PORT_8080_TCP_ADDR: '10.0.0.1',
        STOCKPIPE_CASSANDRA_PORT: 'tcp://10.0.0.2:9042',
      },
    })
    expect(warnings).toEqual(['STOCKPIPE_SYMBOL is not an option of stockpipe; did you mean STOCKPIPE_SYMBOLS?'])
  })

  test('more symbols than Finnhub usually takes is a warning', () => {
    const symbols = Array.from({ length: 51 }, (_, index) => `S${index}`).join(',')
    expect(load({ flags: { symbols }, env: { FINNHUB_API_TOKEN: 'x' } }).warnings[0]).toContain('51 symbols')
    expect(load({ flags: { symbols } }).warnings).toEqual([])
  })
})

describe('values', () => {
  test.each([
    ['15s', 15_000],
    ['1500ms', 1_500],
    ['1.5m', 90_000],
    ['0', 0],
    ['1 H', 3_600_000],
  ])('the duration %s is %d ms', (text, ms) => {
    expect(load({ flags: { delay: text } }).settings.delay).toBe(ms)
  })

  test.each([
    ['2GB', 2e9],
    ['512MiB', 512 * 2 ** 20],
    ['1.5 tb', 1.5e12],
    ['unlimited', null],
  ])('the size %s is %d bytes', (text, bytes) => {
    expect(load({ flags: { 'retention-log-size': text } }).settings.retentionLogSize).toBe(bytes)
  })

  test('retention may be for ever, and a replay as fast as it can', () => {
    const { settings } = load({ flags: { 'retention-trades': 'forever', 'replay-speed': 'max' } })
    expect([settings.retentionTrades, settings.replaySpeed]).toEqual([null, Number.POSITIVE_INFINITY])
  })

  test('roles are a list, and all is all of them', () => {
    expect(load({ flags: { role: 'api,producer' } }).settings.role).toEqual(['producer', 'api'])
    expect(load({ flags: { role: ['api', 'all'] } }).settings.role).toEqual(['producer', 'processor', 'api'])
  })

  test.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:8080', { host: '::1', port: 8080 }],
    [':9000', { host: '127.0.0.1', port: 9000 }],
    ['9000', { host: '127.0.0.1', port: 9000 }],
  ])('%s is an address to listen on', (listen, expected) => {
    expect(load({ flags: { listen } }).settings.listen).toEqual(expected)
  })

  test('what is shown reads back as the same settings', () => {
    const durations = fc.integer({ min: 1_000, max: 3_600_000 })
    fc.assert(
      fc.property(
        durations,
        fc.integer({ min: 1e6, max: 1e15 }),
        fc.constantFrom(1, 2.5, Number.POSITIVE_INFINITY),
        (ms, bytes, speed) => {
          const env = {
            STOCKPIPE_DELAY: `${ms}ms`,
            STOCKPIPE_RETENTION_LOG_SIZE: `${bytes}B`,
            STOCKPIPE_REPLAY_SPEED: speed === Number.POSITIVE_INFINITY ? 'max' : String(speed),
            STOCKPIPE_LISTEN: '[::1]:80',
            STOCKPIPE_SIMULATE_LATE: '0.25,20s',
            STOCKPIPE_SYMBOLS: "['IC MARKETS:1', 'NO']",
            STOCKPIPE_CASSANDRA_CONTACT_POINTS: 'a, b',
          }
          const { settings, origins } = load({ env })
          const again = load({ flags: { config: file(asYaml(showSettings(settings, origins))) } })
          expect<Settings>({ ...again.settings, config: null }).toEqual(settings)
        },
      ),
      { numRuns: 30 },
    )
  })

  test('no two options of one command share a flag, and none shares a variable', () => {
    const flags = KEYS.map((key) => flagOf(key, OPTIONS[key])).filter(
      (_flag, index) => OPTIONS[KEYS[index] ?? 'role'].group !== 'simulator',
    )
    expect(new Set(flags).size).toBe(flags.length)
    expect(new Set(KEYS.map(envOf)).size).toBe(KEYS.length)
  })
})
