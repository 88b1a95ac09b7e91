/** What the alerts mean, by Prometheus' own tool: each fires when its fault is there, and ends with it. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { nameOf } from './src/alert-files.ts'
import { ALERTS } from './src/alerts.ts'
import { outputs } from './src/outputs.ts'
import { promtool, PROMTOOL } from '../test/prometheus.ts'
import { targetsOf } from '../src/deploy/grafana/dashboard.ts'
import { DASHBOARDS } from '../src/deploy/grafana/files.ts'

const RULES = join(import.meta.dir, 'prometheus/rules.yaml')
const ONE = `{job="j", instance="a:8080"}`
const OTHER = `{job="j", instance="b:8080"}`
const STORE_RETRIES = `stockpipe_retries_total{job="j", instance="a:8080", component="store", class="unreachable"}`
const BUILD = `stockpipe_build_info{job="j", instance="a:8080", version="1"}`

const roleOf = (role: string, host: string): string =>
  `stockpipe_role_info{job="j", instance="${host}:8080", role="${role}"}`
const API = roleOf('api', 'c')
const ROLES = { [roleOf('producer', 'a')]: '1x80', [API]: '1x80' }

interface Story {
  alert: string
  /** Between two values, and two looks at the rules; 30 s. */
  every?: string
  /** By series: its values, in promtool's notation. */
  series: Readonly<Record<string, string>>
  /** Labels that an alert has from its expression. */
  labels?: Readonly<Record<string, string>>
  /** When it fires, and when it does not. */
  fires: readonly string[]
  quiet: readonly string[]
}

/** `x` is a fault; before it all is well, and after it again. Processes without a feed say 0. */
const STORIES: readonly Story[] = [
  {
    alert: 'Feed is silent',
    // Frames until minute 5, none until minute 15.
    series: {
      [`stockpipe_feed_last_frame_timestamp_seconds${ONE}`]: '0+30x10 300x20 930+30x20',
      [`stockpipe_feed_last_frame_timestamp_seconds${OTHER}`]: '0x60',
    },
    fires: ['9m', '14m'],
    quiet: ['1m', '5m', '7m', '16m', '20m'],
  },
  {
    alert: 'Feed is silent',
    // The producer is gone; the others never had a feed.
    series: {
      [`stockpipe_feed_last_frame_timestamp_seconds${ONE}`]: '0+30x10 stale _x20 930+30x20',
      [`stockpipe_feed_last_frame_timestamp_seconds${OTHER}`]: '0x60',
    },
    fires: ['7m', '14m'],
    quiet: ['4m', '5m', '17m', '20m'],
  },
  {
    alert: 'Processing lags',
    series: {
      [`stockpipe_consumer_lag_seconds{job="j", instance="a:8080", partition="0"}`]: '0x10 45x20 1x20',
      [`stockpipe_consumer_lag_seconds{job="j", instance="b:8080", partition="1"}`]: '0x60',
    },
    fires: ['9m', '14m'],
    quiet: ['4m', '6m', '16m', '20m'],
  },
  {
    alert: 'Processing lags',
    // The only processor hangs or was killed while trades come: its own figure is gone, and the api sees what waits.
    series: {
      [`stockpipe_consumer_lag_seconds{job="j", instance="a:8080", partition="0"}`]: '0x10 stale _x20 0x20',
      [`up${ONE}`]: '1x10 0x21 1x20',
      [`stockpipe_pipeline_lag_seconds${OTHER}`]: '0x10 30+30x20 0x20',
    },
    fires: ['8m', '14m'],
    quiet: ['4m', '6m', '17m', '20m'],
  },
  {
    alert: 'Processing lags',
    // One of two processors is gone with its target, and nobody took its partition over.
    series: {
      [`stockpipe_consumer_lag_seconds{job="j", instance="a:8080", partition="0"}`]: '0x10 stale',
      [`stockpipe_consumer_lag_seconds{job="j", instance="b:8080", partition="1"}`]: '0x60',
      [`stockpipe_pipeline_lag_seconds{job="j", instance="c:8080"}`]: '0x10 30+30x20 0x20',
    },
    fires: ['8m', '14m'],
    quiet: ['4m', '6m', '17m', '20m'],
  },
  {
    alert: 'End-to-end latency is high',
    // One trade a second: all within 1 s, then all slower than 10 s, then fast again.
    series: {
      [`stockpipe_end_to_end_latency_seconds_bucket{job="j", instance="a:8080", le="1"}`]: '0+30x20 600x30 630+30x60',
      [`stockpipe_end_to_end_latency_seconds_bucket{job="j", instance="a:8080", le="10"}`]: '0+30x20 600x30 630+30x60',
      [`stockpipe_end_to_end_latency_seconds_bucket{job="j", instance="a:8080", le="+Inf"}`]: '0+30x111',
    },
    fires: ['19m', '24m'],
    quiet: ['2m', '9m', '12m', '32m', '50m'],
  },
  {
    alert: 'Writes fail',
    // The series is not there before the first failure.
    series: { [STORE_RETRIES]: '_x10 1+2x20 41x40' },
    fires: ['10m', '14m'],
    quiet: ['4m', '5m', '8m', '18m', '30m'],
  },
  {
    alert: 'Writes fail',
    // A start that waited for its servers.
    series: { [STORE_RETRIES]: '_x10 9x70' },
    fires: [],
    quiet: ['5m', '6m', '7m', '8m', '9m', '10m', '20m'],
  },
  {
    alert: 'Writes fail',
    // The log is away, which is no fault of the store.
    series: {
      [`stockpipe_retries_total{job="j", instance="a:8080", component="log", class="unreachable"}`]:
        '0x10 2+2x20 42x40',
      [STORE_RETRIES]: '0x80',
    },
    fires: ['10m', '14m'],
    quiet: ['4m', '5m', '8m', '18m', '30m'],
  },
  {
    alert: 'Dead letters',
    // What is there when Prometheus first looks counts; then a single one, in a series that was not there before; at last
    // one more of a reason that was.
    series: {
      [`stockpipe_dead_letters_total{job="j", instance="a:8080", reason="decode"}`]: '_x10 1x70',
      [`stockpipe_dead_letters_total{job="j", instance="a:8080", reason="gap"}`]: '3x60 4x20',
    },
    fires: ['4m', '6m', '14m', '31m', '39m'],
    quiet: ['17m', '28m'],
  },
  {
    alert: 'Process restarts',
    // Three starts by minute 7, none later. A process that is not ours restarts all the time.
    series: {
      [BUILD]: '1x100',
      [`process_start_time_seconds${ONE}`]: '1x9 300x1 390x1 480x100',
      [`process_start_time_seconds${OTHER}`]: '0+30x100',
    },
    fires: ['8m', '15m'],
    quiet: ['4m', '6m', '24m', '40m'],
  },
  {
    alert: 'Process is down',
    series: {
      [BUILD]: '1x10 _x10 1x60',
      [`up${ONE}`]: '1x10 0x10 1x60',
      [`up${OTHER}`]: '0x80',
    },
    fires: ['8m', '10m'],
    quiet: ['4m', '6m', '11m', '30m'],
  },
  {
    alert: 'Role is missing',
    // Killed or halted: the target is listed, and says nothing.
    series: { ...ROLES, [roleOf('processor', 'b')]: '1x10 stale _x20 1x40', [`up${OTHER}`]: '1x10 0x21 1x40' },
    labels: { role: 'processor' },
    fires: ['8m', '15m'],
    quiet: ['4m', '6m', '16m', '30m'],
  },
  {
    alert: 'Role is missing',
    // Scaled to nothing: no target, and so no `up`. Another pod under another address is the same role.
    series: {
      ...ROLES,
      [roleOf('processor', 'b')]: '1x10 stale',
      [`up${OTHER}`]: '1x10 stale',
      [roleOf('processor', 'd')]: '_x31 1x40',
    },
    labels: { role: 'processor' },
    fires: ['8m', '15m'],
    quiet: ['4m', '6m', '16m', '30m'],
  },
  {
    alert: 'Role is missing',
    // The api, which is missed for a day.
    every: '10m',
    series: { [roleOf('producer', 'a')]: '1x200', [roleOf('processor', 'b')]: '1x200', [API]: '1x3 stale' },
    labels: { role: 'api' },
    fires: ['50m', '24h'],
    quiet: ['30m', '25h'],
  },
  {
    alert: 'Role is missing',
    // Nothing of it ever came up, and then one process is all of it.
    series: {
      [roleOf('producer', 'a')]: '_x20 1x60',
      [roleOf('processor', 'a')]: '_x20 1x60',
      [roleOf('api', 'a')]: '_x20 1x60',
    },
    labels: { role: 'processor' },
    fires: ['3m', '9m'],
    quiet: ['1m', '10m', '30m'],
  },
  {
    alert: 'Role is missing',
    // Another program fills the topic, and nobody reads by an api.
    series: { [roleOf('processor', 'b')]: '1x80' },
    fires: [],
    quiet: ['1m', '5m', '30m'],
  },
  {
    alert: 'Role is missing',
    // Processes of a version that tells no roles, before the first of the new one, and again after a way back to them.
    series: {
      [BUILD]: '1x80',
      [`stockpipe_build_info${OTHER}`]: '1x80',
      [roleOf('producer', 'a')]: '_x5 1x30 stale',
      [roleOf('processor', 'b')]: '_x10 1x20 stale',
    },
    fires: [],
    quiet: ['1m', '3m', '4m', '10m', '20m', '30m'],
  },
  {
    alert: 'Role is missing',
    // As long as one of them is there, nobody knows what it does; then there is none.
    series: {
      [BUILD]: '1x20 stale',
      [`stockpipe_build_info${OTHER}`]: '1x80',
      [roleOf('api', 'b')]: '1x80',
    },
    labels: { role: 'processor' },
    fires: ['13m', '20m'],
    quiet: ['4m', '10m', '12m'],
  },
  {
    alert: 'Log is away',
    series: { [`stockpipe_spool_bytes${ONE}`]: '0x10 1000+1000x20 0x40', [`stockpipe_spool_bytes${OTHER}`]: '0x80' },
    fires: ['11m', '15m'],
    quiet: ['4m', '9m', '17m', '30m'],
  },
]

/** One file of promtool's tests: at each time the alerts that fire. */
const unitTest = ({ alert, every = '30s', series, labels = {}, fires, quiet }: Story) => ({
  rule_files: [RULES],
  evaluation_interval: every,
  tests: [
    {
      interval: every,
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [...fires, ...quiet].map((eval_time) => ({
        eval_time,
        alertname: nameOf(alert),
        exp_alerts: fires.includes(eval_time) ? [expected(alert, labels)] : [],
      })),
    },
  ],
})

function expected(title: string, more: Readonly<Record<string, string>>) {
  const rule = ALERTS.find((one) => one.title === title)
  const { annotations, labels } = rulesByName().get(nameOf(title)) ?? {}
  return rule === undefined ? {} : { exp_annotations: annotations, exp_labels: { ...labels, ...more } }
}

interface PrometheusRule {
  alert: string
  annotations: Record<string, string>
  labels: Record<string, string>
}

function rulesByName(): Map<string, PrometheusRule> {
  const file = Bun.YAML.parse(outputs().get('prometheus/rules.yaml') ?? '') as { groups: { rules: PrometheusRule[] }[] }
  return new Map(file.groups.flatMap(({ rules }) => rules.map((rule) => [rule.alert, rule] as const)))
}

async function checked(words: readonly string[], content: unknown) {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-promtool-'))
  const file = join(folder, 'file.yaml')
  try {
    await Bun.write(file, JSON.stringify(content))
    return await promtool(...words, file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// Not installed: test/prometheus.ts says so, and fails where CI is set.
describe.skipIf(PROMTOOL === null)('by promtool', () => {
  test.each(STORIES)('$alert fires with its fault and ends with it', async (story) => {
    const { code, text } = await checked(['test', 'rules'], unitTest(story))
    expect({ code, text: code === 0 ? '' : text }).toEqual({ code: 0, text: '' })
  })

  test('no alert is without its story', () => {
    expect([...new Set(STORIES.map(({ alert }) => alert))]).toEqual(ALERTS.map(({ title }) => title))
  })

  test('a story that is not true is noticed', async () => {
    const [story] = STORIES as [Story]
    const { code } = await checked(['test', 'rules'], unitTest({ ...story, fires: [], quiet: story.fires }))
    expect(code).not.toBe(0)
  })

  test('the rules are well written', async () => {
    const { code, text } = await promtool('check', 'rules', RULES)
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining(`${ALERTS.length} rules found`) })
  })

  test('so is every expression of the dashboards, and one that is not is noticed', async () => {
    const exprs = Object.values(DASHBOARDS)
      .flatMap((dashboard) => [...targetsOf(dashboard)])
      .flatMap(({ target }) => (typeof target['expr'] === 'string' ? [target['expr']] : []))
      .map((expr) => expr.replaceAll('$__rate_interval', '1m'))
    expect(exprs.length).toBeGreaterThan(30)
    const asRules = (some: readonly string[]) => ({
      groups: [{ name: 'dashboards', rules: some.map((expr, index) => ({ record: `expression_${index}`, expr })) }],
    })
    const { code, text } = await checked(['check', 'rules'], asRules(exprs))
    expect({ code, text: code === 0 ? '' : text }).toEqual({ code: 0, text: '' })
    expect((await checked(['check', 'rules'], asRules([...exprs, 'sum(rate(x[5m]))) by']))).code).not.toBe(0)
  })
})
