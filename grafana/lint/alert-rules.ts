/** The rules of alerts. */
import type { Rule } from './lint.ts'
import { metricProblem } from './metrics.ts'

interface AlertQuery {
  datasourceUid: string
  model: { expr?: string; conditions?: { evaluator: { params: unknown[] } }[] }
}

export interface AlertRule {
  uid: string
  title: string
  data: AlertQuery[]
  annotations: Record<string, string>
}

export interface AlertFile {
  groups: { rules: AlertRule[] }[]
}

const EXPRESSION = '__expr__'

const rulesOf = ({ groups }: AlertFile): AlertRule[] => groups.flatMap(({ rules }) => rules)

const eachRule =
  (judge: (rule: AlertRule, around: Parameters<Rule<AlertFile>>[1]) => string | null): Rule<AlertFile> =>
  (file, around) =>
    rulesOf(file).flatMap((rule) => {
      const what = judge(rule, around)
      return what === null ? [] : [{ where: rule.title, what }]
    })

export const ALERT_RULES: Readonly<Record<string, Rule<AlertFile>>> = {
  'alert-uids': eachRule(({ uid }, { alerts }) =>
    rulesOf(alerts).filter((other) => other.uid === uid).length > 1 ? `${uid} is not the only one` : null,
  ),

  // Variables are not put into alerts, and Cassandra has no history of its own health.
  'alert-source': eachRule(({ data }, { sources }) => {
    const other = data.find(
      ({ datasourceUid }) => datasourceUid !== EXPRESSION && sources.get(datasourceUid) !== 'prometheus',
    )
    return other === undefined ? null : `asks ${other.datasourceUid}`
  }),

  'alert-threshold': eachRule(({ data }) => {
    const params = data.flatMap(({ model }) => model.conditions ?? []).flatMap(({ evaluator }) => evaluator.params)
    return params.length > 0 && params.every((param) => typeof param === 'number') ? null : 'its threshold is no number'
  }),

  // Files of provisioning have `$NAME` replaced, annotations `{{ name }}`.
  'alert-dollar': eachRule((rule) =>
    /\$|\{\{/.test(JSON.stringify(rule)) ? 'has a $ or a {{, which Grafana takes for a variable' : null,
  ),

  'alert-metrics': eachRule(({ data }, { metrics }) => {
    const [expr] = data.flatMap(({ model }) => model.expr ?? [])
    return expr === undefined ? 'has no expression' : metricProblem(expr, metrics)
  }),

  'alert-runbook': eachRule(({ annotations }, { runbook }) => {
    const [file, anchor = ''] = annotations['runbook_url']?.split('#') ?? []
    return file === 'docs/operations.md' && runbook.has(anchor) ? null : `the runbook has no section ${anchor}`
  }),

  // The address leads nowhere from a notification: what to do is in the alert itself.
  'alert-description': eachRule(({ annotations }, { runbook }) => {
    const steps = runbook.get(annotations['runbook_url']?.split('#')[1] ?? '')
    return steps !== undefined && steps !== '' && annotations['description'] === steps
      ? null
      : 'does not say what the runbook says: bun grafana/generate.ts'
  }),
}
