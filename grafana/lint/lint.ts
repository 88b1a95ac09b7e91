/** What the Cassandra plugin, Grafana and this project ask of dashboards and alerts, beyond what types can say. */
import { ALERT_RULES, type AlertFile } from './alert-rules.ts'
import { API_RULES } from './api-rules.ts'
import { CQL_RULES } from './cql-rules.ts'
import { DASHBOARD_RULES } from './dashboard-rules.ts'
import { INSTALL_RULES, type Install } from './install-rules.ts'
import { SOURCE_RULES, type SourceFile } from './source-rules.ts'
import type { Table } from './statement.ts'
import type { Dashboard } from '../../src/deploy/grafana/dashboard.ts'

export interface Surroundings {
  dashboards: readonly Dashboard[]
  alerts: AlertFile
  sourceFile: SourceFile
  /** Every process of Grafana that we start. */
  installs: readonly Install[]
  /** Type by uid. */
  sources: ReadonlyMap<string, string>
  tables: ReadonlyMap<string, Table>
  /** What a process exports, with its type: counter, gauge, histogram. */
  metrics: ReadonlyMap<string, string>
  /** What the runbook says to do, by the anchors of its sections. */
  runbook: ReadonlyMap<string, string>
}

export interface Violation {
  rule: string
  where: string
  what: string
}

/** Yields what is wrong, in words. */
export type Rule<Subject> = (subject: Subject, around: Surroundings) => Iterable<{ where: string; what: string }>

/** Empty: nothing. */
export function lint(around: Surroundings): Violation[] {
  const found: Violation[] = []
  const apply = <Subject>(rules: Readonly<Record<string, Rule<Subject>>>, subject: Subject, place: string) => {
    for (const [rule, judge] of Object.entries(rules))
      for (const { where, what } of judge(subject, around)) found.push({ rule, where: `${place}${where}`, what })
  }
  for (const dashboard of around.dashboards) {
    apply(DASHBOARD_RULES, dashboard, `${dashboard.title} / `)
    apply(API_RULES, dashboard, `${dashboard.title} / `)
    apply(CQL_RULES, dashboard, `${dashboard.title} / `)
  }
  apply(ALERT_RULES, around.alerts, 'alert ')
  apply(SOURCE_RULES, around.sourceFile, 'data source ')
  apply(INSTALL_RULES, around.installs, 'Grafana of ')
  return found
}
