import { expect, test } from 'bun:test'
import { join } from 'node:path'

import { manualClock } from './clock.ts'
import { StockpipeError } from './errors.ts'
import { EVENTS } from './log-events.ts'
import { Secrets } from './secrets.ts'
import { collectProcess } from './process-metrics.ts'
import { createLog, createMetrics, Health, type LogFormat, type LogOptions } from './telemetry.ts'
import { buildInfo } from './version.ts'

function logging(format: LogFormat, more: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const clock = manualClock(Date.UTC(2026, 10, 29, 9, 30))
  const log = createLog({ level: 'debug', format, clock, write: (line) => lines.push(line), role: 'producer', ...more })
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

const refused = new StockpipeError('auth', 'the topic cannot be read', {
  why: 'wrong password',
  cause: new Error('SASL'),
})

test('a line says when, how bad, who, what, and the facts', () => {
  const { log, parsed } = logging('json')
  log.warn('feed.lost', { reason: 'closed', retryInMs: 5 })
  expect(parsed()).toEqual([
    {
      time: '2026-11-29T09:30:00.000Z',
      level: 'warn',
      service: 'stockpipe',
      version: buildInfo().version,
      role: 'producer',
      component: 'feed',
      event: 'feed.lost',
      reason: 'closed',
      retryInMs: 5,
    },
  ])
})

test('an error is told by its parts, and where it came from only of what is a bug', () => {
  const { log, parsed } = logging('json')
  log.warn('log.retrying', { error: refused })
  log.error('http.failed', { error: new TypeError('x is not a function') })
  log.warn('symbols.not_checked', { error: 'in words' })
  expect(parsed().map(({ err }) => err)).toEqual([
    { code: 'auth', message: 'the topic cannot be read', why: 'wrong password', cause: 'SASL' },
    { message: 'x is not a function', stack: expect.stringContaining('telemetry.test.ts') },
    { message: 'in words' },
  ])
})

test('no field is there twice', () => {
  const { log, lines } = logging('json')
  log.info('run.started', { version: buildInfo().version, commit: 'abc' })
  expect(lines[0]?.match(/"version"/g)).toHaveLength(1)
})

test('for people a line is short', () => {
  const { log, lines } = logging('pretty')
  log.info('feed.open', { conn: 1, host: 'ws.finnhub.io' })
  log.warn('log.retrying', { error: refused, note: 'tried again' })
  expect(lines).toEqual([
    '09:30:00 feed.open conn=1 host=ws.finnhub.io',
    '09:30:00 warn log.retrying error="the topic cannot be read" note="tried again"',
  ])
})

test('a secret is in no line and in no reason, and hides no event', () => {
  const secrets = new Secrets('s3cret-token', 'feed')
  for (const format of ['json', 'pretty'] as const) {
    const { log, lines, parsed } = logging(format, { secrets })
    log.warn('feed.lost', { why: 'GET /?token=s3cret-token', error: new Error('s3cret-token', { cause: refused }) })
    expect(lines.join()).toContain('feed.lost')
    expect(lines.join()).toContain('token=***')
    expect(lines.join()).not.toContain('s3cret')
    if (format === 'json') expect(parsed()[0]).toMatchObject({ component: 'feed', event: 'feed.lost' })
  }
  const health = new Health(secrets)
  health.notReady('log', 'login with s3cret-token')
  health.warn('clocks', 'seen with s3cret-token')
  expect(health.reason('log')).toBe('login with ***')
  expect(JSON.stringify(health.report())).not.toContain('s3cret')
})

test('every event has a name to search for, and is logged somewhere', async () => {
  const sources = await Promise.all(
    [...new Bun.Glob('**/*.ts').scanSync(import.meta.dir)]
      .filter((file) => !/\.(test|fixture)\.ts$/.test(file) && file !== 'log-events.ts')
      .map((file) => Bun.file(join(import.meta.dir, file)).text()),
  )
  const code = sources.join('\n')
  const waiting = [...code.matchAll(/retry\(\s*'(\w+)'|new Trouble\('(\w+)'|COMPONENT = '(\w+)'/g)].flatMap((found) =>
    found.slice(1).filter(Boolean),
  )
  for (const name of Object.keys(EVENTS)) {
    expect(name).toMatch(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/)
    const [component = '', what = ''] = name.split('.')
    const isTold = ['retrying', 'recovered'].includes(what) && waiting.includes(component)
    expect([name, isTold || code.includes(`'${name}'`) || ['feed.closed', 'feed.quiet'].includes(name)]).toEqual([
      name,
      true,
    ])
  }
})

test('an event that is not in the list, of another level, or a field of the line itself does not compile', () => {
  const { log } = logging('json')
  // @ts-expect-error No such event.
  log.info('feed.opened')
  // @ts-expect-error It is a warning.
  log.info('feed.lost')
  // @ts-expect-error Every line has its own.
  log.info('feed.open', { component: 'other' })
})

/** What dashboards, alerts and scripts of users rely on: types and labels, too. */
const PROMISED = {
  build_info: 'gauge version commit runtime',
  role_info: 'gauge role',
  feed_connected: 'gauge',
  feed_frames_total: 'counter type',
  feed_reconnects_total: 'counter reason',
  feed_last_frame_timestamp_seconds: 'gauge',
  feed_repeats_total: 'counter',
  feed_gap_seconds_total: 'counter cause',
  clock_offset_seconds: 'gauge',
  spool_bytes: 'gauge',
  spool_dropped_total: 'counter',
  trades_total: 'counter stage',
  late_trades_total: 'counter scope',
  quarantined_trades_total: 'counter reason',
  rejected_entries_total: 'counter reason',
  dead_letters_total: 'counter reason',
  end_to_end_latency_seconds: 'histogram',
  hop_duration_seconds: 'histogram hop',
  consumer_lag_records: 'gauge partition',
  consumer_lag_seconds: 'gauge partition',
  pipeline_lag_records: 'gauge',
  pipeline_lag_seconds: 'gauge',
  watermark_lag_seconds: 'gauge partition',
  store_write_duration_seconds: 'histogram table outcome',
  store_in_flight: 'gauge',
  store_retries_total: 'counter class',
  rebalances_total: 'counter',
  replayed_trades_total: 'counter',
  queue_depth: 'gauge queue',
  paused_seconds_total: 'counter',
  last_progress_timestamp_seconds: 'gauge',
  stream_clients: 'gauge',
  stream_conflated_total: 'counter',
  http_request_duration_seconds: 'histogram method route status',
  heap_used_bytes: 'gauge',
  heap_size_bytes: 'gauge',
  event_loop_lag_seconds: 'gauge',
}

/** As their makers said it. */
interface Declared {
  labelNames: readonly string[]
}

test('the metrics that others rely on have their names, types and labels', async () => {
  const { registry } = createMetrics()
  collectProcess(registry, manualClock(0))
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, type]))
  const declared = Object.keys(PROMISED).map((name) => {
    const { labelNames = [] } = (registry.getSingleMetric(`stockpipe_${name}`) ?? {}) as Partial<Declared>
    return [name, [types.get(`stockpipe_${name}`), ...labelNames].join(' ')]
  })
  expect(Object.fromEntries(declared)).toEqual(PROMISED)
})

test('no metric has a line for every symbol', async () => {
  const { registry } = createMetrics()
  const names = (await registry.getMetricsAsJSON()).map(({ name }) => name)
  const bySymbol = names.filter((name) =>
    (registry.getSingleMetric(name) as Partial<Declared> | undefined)?.labelNames?.includes('symbol'),
  )
  expect([names.length > 30, bySymbol]).toEqual([true, []])
})
