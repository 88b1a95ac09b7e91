import { expect, test } from 'bun:test'

import { ALERTS, runbookOf } from './src/alerts.ts'
import { outputs } from './src/outputs.ts'
import { runbook, stepsIn } from './src/runbook.ts'

const PAGE = `## Alerts

### Writes fail

Why it is so.

- \`/readyz\` says _why_: see [Latency](#latency), \`snake_case_name\`.
- More: [The spool](servers.md#the-spool), [checking.md](checking.md).

### It is slow

It **passes** by itself.

## Sizing

- Not of an alert.
`

test('of a section its steps, as plain text that names the pages it points to', () => {
  expect([...stepsIn(PAGE)]).toEqual([
    [
      'writes-fail',
      '- /readyz says why: see Latency, snake_case_name.\n- More: The spool (docs/servers.md#the-spool), docs/checking.md.',
    ],
    ['it-is-slow', 'It passes by itself.'],
  ])
})

const FILES = [
  'provisioning/alerting/stockpipe.yaml',
  'prometheus/rules.yaml',
  '../manifests/components/monitoring-operator/prometheus-rule.yaml',
]

interface Group {
  rules: { annotations: Record<string, string> }[]
}

test.each(FILES)('every alert of %s says what to do', (path) => {
  const file = Bun.YAML.parse(outputs().get(path) ?? '') as { groups?: Group[]; spec?: { groups: Group[] } }
  const rules = (file.groups ?? file.spec?.groups ?? []).flatMap(({ rules }) => rules)
  const steps = runbook()
  expect(rules.map(({ annotations }) => annotations['description'])).toEqual(
    ALERTS.map((alert) => steps.get(runbookOf(alert).split('#')[1] ?? '')),
  )
  for (const { annotations } of rules) expect(annotations['description']?.length).toBeGreaterThan(100)
})
