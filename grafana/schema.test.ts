/**
 * The dashboards and alerts against the types that Grafana publishes, as a schema that knows every property and refuses others.
 * It proves that Grafana knows each name and each kind of value; not that a plugin does with it what we mean.
 */
import { beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'

import { Ajv } from 'ajv'
import { createGenerator } from 'ts-json-schema-generator'

import { DASHBOARDS } from '../src/deploy/grafana/files.ts'

interface RawPanel {
  title: string
  type: string
  options?: unknown
  targets?: { datasource: { type: string }; [field: string]: unknown }[]
  fieldConfig?: {
    defaults?: { custom?: unknown }
    overrides?: { properties: { id: string; value: unknown }[] }[]
  }
}

const generator = createGenerator({
  path: join(import.meta.dir, 'schema-types.ts'),
  tsconfig: join(import.meta.dir, '../tsconfig.json'),
  type: '*',
  skipTypeCheck: true,
  functions: 'hide',
})
const ajv = new Ajv({ strict: false, allErrors: true })
const validators = new Map<string, ReturnType<Ajv['compile']>>()

/** One schema for each type: those of different panels have the same names inside. */
function validatorOf(type: string): ReturnType<Ajv['compile']> {
  const known = validators.get(type)
  if (known !== undefined) return known
  const { definitions = {}, ...schema } = generator.createSchema(type)
  // Every data source has queries of its own: theirs are judged by themselves, where Grafana publishes them.
  const any = type === 'AnyDashboard' || type === 'AlertFile' ? { Dataquery: {} } : {}
  const validate = ajv.compile({ ...schema, definitions: { ...definitions, ...any } })
  validators.set(type, validate)
  return validate
}

/** What is wrong with a value, by the type of that name. */
function problems(type: string, value: unknown): string[] {
  const validate = validatorOf(type)
  void validate(value)
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${type}${instancePath} ${message} ${JSON.stringify(params)}`,
  )
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

function panelProblems({ title, type, options, targets = [], fieldConfig }: RawPanel): string[] {
  const found: string[] = []
  if (options !== undefined) found.push(...problems(`${capital(type)}Options`, options))
  const custom = fieldConfig?.defaults?.custom
  if (custom !== undefined) found.push(...problems(`${capital(type)}Fields`, custom))
  for (const { properties } of fieldConfig?.overrides ?? [])
    for (const { id, value } of properties) found.push(...overrideProblems(type, id, value))
  for (const target of targets)
    if (target.datasource.type === 'prometheus') found.push(...problems('PrometheusTarget', target))
  return found.map((problem) => `${title}: ${problem}`)
}

/** `unit` is of every field, `custom.lineWidth` of those of one type of panel. */
function overrideProblems(type: string, id: string, value: unknown): string[] {
  const [first = '', second] = id.split('.')
  const [owner, name] = second === undefined ? ['FieldDefaults', first] : [`${capital(type)}Fields`, second]
  return problems(owner, { [name]: value })
}

const dashboards = Object.entries(DASHBOARDS).map(([name, dashboard]) => [name, structuredClone(dashboard)] as const)
const panelsOf = (dashboard: unknown): RawPanel[] => (dashboard as { panels: RawPanel[] }).panels

beforeAll(() => void validatorOf('AnyDashboard'), 60_000)

interface RawAlerts {
  groups: { rules: { data: { datasourceUid: string; model: Record<string, unknown> }[] }[] }[]
}

const alerts = async (): Promise<RawAlerts> =>
  Bun.YAML.parse(await Bun.file(join(import.meta.dir, 'provisioning/alerting/stockpipe.yaml')).text()) as RawAlerts

/** The file, and the question or condition in each step of a rule. */
const alertProblems = (file: RawAlerts): string[] => [
  ...problems('AlertFile', file),
  ...file.groups
    .flatMap(({ rules }) => rules.flatMap(({ data }) => data))
    .flatMap(({ datasourceUid, model }) =>
      problems(datasourceUid === '__expr__' ? 'ThresholdTarget' : 'PrometheusTarget', model),
    ),
]

test('the alerts are rules, questions and conditions as Grafana describes them', async () => {
  expect(alertProblems(await alerts())).toEqual([])
})

describe.each(dashboards)('%s', (_name, dashboard) => {
  test('is a dashboard as Grafana describes it', () => {
    expect(problems('AnyDashboard', dashboard)).toEqual([])
  })

  test('has panels whose options and queries Grafana knows', () => {
    expect(panelsOf(dashboard).flatMap(panelProblems)).toEqual([])
  })
})

describe('the schema notices', () => {
  const panel = (): RawPanel =>
    structuredClone(panelsOf(DASHBOARDS['market']).find(({ title }) => title === 'Price')) as RawPanel

  test.each([
    ['a refresh that is no text', { refresh: true }],
    ['a property that is not there', { refreshInterval: '1s' }],
    ['panels that are none', { panels: [{ title: 'x', gridPos: { x: 0 } }] }],
    ['a tooltip that does not exist', { graphTooltip: 7 }],
  ])('%s', (_what, change) => {
    expect(problems('AnyDashboard', { ...structuredClone(DASHBOARDS['market']), ...change })).not.toEqual([])
  })

  test('options, fields, overrides and queries that nobody knows', () => {
    expect(panelProblems({ ...panel(), options: { legends: {} } })).not.toEqual([])
    expect(panelProblems({ ...panel(), fieldConfig: { defaults: { custom: { lineWidth: 'wide' } } } })).not.toEqual([])
    const override = (id: string) => ({ overrides: [{ properties: [{ id, value: 1 }] }] })
    expect(panelProblems({ ...panel(), fieldConfig: override('colour') })).not.toEqual([])
    expect(panelProblems({ ...panel(), fieldConfig: override('custom.lineThickness') })).not.toEqual([])
    expect(panelProblems({ ...panel(), fieldConfig: override('custom.lineWidth') })).toEqual([])
    expect(
      panelProblems({ ...panel(), targets: [{ datasource: { type: 'prometheus' }, expression: 'up' }] }),
    ).not.toEqual([])
  })

  test.each<[string, (rule: RawAlerts['groups'][0]['rules'][0]) => unknown]>([
    ['a state that an alert cannot have', (rule) => Object.assign(rule, { noDataState: 'Silent' })],
    ['a setting that no alert has', (rule) => Object.assign(rule, { severity: 'critical' })],
    ['an alert that lacks its condition', (rule) => Object.assign(rule, { condition: undefined })],
    ['a threshold that is no number', (rule) => Object.assign(rule.data[1]?.model ?? {}, THRESHOLD)],
    ['a question that Prometheus does not know', (rule) => Object.assign(rule.data[0]?.model ?? {}, { query: 'up' })],
  ])('%s', async (_what, change) => {
    const file = structuredClone(await alerts())
    change(file.groups[0]?.rules[0] as RawAlerts['groups'][0]['rules'][0])
    expect(alertProblems(JSON.parse(JSON.stringify(file)) as RawAlerts)).not.toEqual([])
  })
})

const THRESHOLD = { conditions: [{ evaluator: { type: 'gt', params: ['many'] } }] }
