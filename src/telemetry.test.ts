import { expect, test } from 'bun:test'
import { join } from 'node:path'

import { manualClock } from './clock.ts'
import { StockpipeError } from './errors.ts'
import { EVENTS } from './log-events.ts'
import { Secrets } from './secrets.ts'
import { createLog, Health, type LogFormat, type LogOptions } from './telemetry.ts'
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
