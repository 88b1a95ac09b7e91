/** What is known here of a dashboard in Grafana's classic form. */
export interface Dashboard {
  uid: string
  title: string
  refresh: string
  time: { from: string; to: string }
  timepicker?: { refresh_intervals?: readonly string[] }
  templating: { list: readonly Variable[] }
  annotations?: { list?: readonly Annotation[] }
  panels: readonly Panel[]
}

export interface DataSource {
  type: string
  uid: string
}

export interface Target {
  refId: string
  datasource: DataSource
  [field: string]: unknown
}

export interface Panel {
  id: number
  title: string
  type: string
  gridPos: { x: number; y: number; w: number; h: number }
  /** Instead of the dashboard's range: `2h` is the last two hours of it. */
  timeFrom?: string
  targets?: readonly Target[]
  transformations?: readonly { id: string; filter?: unknown; options?: Readonly<Record<string, unknown>> }[]
  fieldConfig?: FieldConfig
}

/** How fields are shown: all of them, and those that a matcher finds. */
export interface FieldConfig {
  defaults?: { unit?: string; decimals?: number; color?: { mode: string } }
  overrides?: readonly {
    matcher: { id: string; options?: unknown }
    properties: readonly { id: string; value?: unknown }[]
  }[]
}

export interface Variable {
  name: string
  type: string
  datasource?: DataSource
  /** The plugin of the HTTP API has its query in a field of its own. */
  query?: string | { query?: string; infinityQuery?: Target }
  sort?: number
  multi?: boolean
  includeAll?: boolean
  current?: { text: string | readonly string[]; value: string | readonly string[] }
}

export interface Annotation {
  name: string
  datasource?: DataSource
  target?: Target
}

export const CASSANDRA_PLUGIN = 'hadesarchitect-cassandra-datasource'
export const API_PLUGIN = 'yesoreyeram-infinity-datasource'

/** What is pushed to Grafana and cannot be asked for. */
export const isLive = ({ datasource }: Target): boolean => datasource.type === 'datasource'

/** In PromQL; null for another data source. */
export const promqlOf = ({ expr }: Target): string | null => (typeof expr === 'string' ? expr : null)

/** Every target: those of panels, and those of annotations. */
export function* targetsOf(
  dashboard: Dashboard,
): Generator<{ where: string; target: Target; timeFrom: string | undefined }> {
  for (const { title, timeFrom, targets = [] } of dashboard.panels)
    for (const target of targets) yield { where: title, target, timeFrom }
  for (const { name, target } of dashboard.annotations?.list ?? [])
    if (target !== undefined) yield { where: name, target, timeFrom: undefined }
}
