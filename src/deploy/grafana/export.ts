/** The files of Grafana as somebody wants them who has a Grafana of their own. */
import { channelName } from '../../grafana-channel.ts'
import { type Dashboard, targetsOf } from './dashboard.ts'
import { DASHBOARDS, grafanaFiles } from './files.ts'
import type { KubeObject } from '../object.ts'

export const SOURCES = ['cassandra', 'api'] as const
export type Source = (typeof SOURCES)[number]

const UIDS: Readonly<Record<Source, string>> = { cassandra: 'stockpipe-cassandra', api: 'stockpipe-api' }

export interface ExportWishes {
  /** Where rows come from; null: every dashboard and data source there is. */
  source: Source | null
  /** Of the list in Market live; null: the one it has. */
  symbols: readonly string[] | null
}

/** By path: `provisioning/...`, `dashboards/...`. */
export function exportedFiles({ source, symbols }: ExportWishes): Map<string, string> {
  const unwanted = new Set(SOURCES.filter((one) => source !== null && one !== source).map((one) => UIDS[one]))
  const files = new Map<string, string>()
  for (const [path, text] of grafanaFiles())
    if (!path.startsWith('dashboards/'))
      files.set(path, path.includes('/datasources/') && unwanted.size > 0 ? withoutSources(text, unwanted) : text)
  for (const [name, whole] of Object.entries(DASHBOARDS)) {
    const rest = without(symbols === null ? whole : withSymbols(whole, symbols), unwanted)
    if (rest.panels.length > 0) files.set(`dashboards/${name}.json`, `${JSON.stringify(rest, null, 2)}\n`)
  }
  return files
}

/** What asks an unwanted data source goes; a dashboard of which nothing is left has no panels. */
function without(dashboard: Dashboard, unwanted: ReadonlySet<string>): Dashboard {
  const isWanted = ({ datasource }: { datasource?: { uid: string } }): boolean => !unwanted.has(datasource?.uid ?? '')
  return {
    ...dashboard,
    templating: { list: dashboard.templating.list.filter(isWanted) },
    annotations: { list: (dashboard.annotations?.list ?? []).filter(isWanted) },
    panels: dashboard.panels.filter(({ targets = [] }) => targets.every(isWanted)),
  }
}

function withoutSources(text: string, unwanted: ReadonlySet<string>): string {
  const file = Bun.YAML.parse(text) as { datasources: { uid: string }[] }
  const datasources = file.datasources.filter(({ uid }) => !unwanted.has(uid))
  return `${Bun.YAML.stringify({ ...file, datasources }, null, 2)}\n`
}

/** Pairs `what is shown : value`, as a custom variable has them. */
export const channelList = (symbols: readonly string[]): string =>
  symbols.map((symbol) => `${symbol} : ${channelName(symbol)}`).join()

function withSymbols(dashboard: Dashboard, symbols: readonly string[]): Dashboard {
  const [first = ''] = symbols
  const list = dashboard.templating.list.map((variable) =>
    variable.name === 'stream'
      ? {
          ...variable,
          query: channelList(symbols),
          current: { text: first, value: channelName(first), selected: true },
        }
      : variable,
  )
  return { ...dashboard, templating: { list } }
}

/** What Grafana's usual sidecars look for, by the folder of a file. A provider needs none: theirs has its own. */
const SIDECAR_LABELS: Readonly<Record<string, string>> = {
  dashboards: 'grafana_dashboard',
  'provisioning/datasources': 'grafana_datasource',
  'provisioning/alerting': 'grafana_alert',
}

/** One ConfigMap a file, for each may hold 1 MiB at most. */
export const configMaps = (files: ReadonlyMap<string, string>, namespace: string): KubeObject[] =>
  [...files].map(([path, text]) => {
    const [, kind = ''] = /^(?:provisioning\/)?(\w+)\//.exec(path) ?? []
    const file = path.slice(path.lastIndexOf('/') + 1)
    const isDashboard = path.startsWith('dashboards/')
    const label = SIDECAR_LABELS[path.slice(0, path.lastIndexOf('/'))]
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: `stockpipe-grafana-${isDashboard ? `dashboard-${file.replace('.json', '')}` : path.includes('provisioning/dashboards') ? 'providers' : kind}`,
        namespace,
        labels: {
          'app.kubernetes.io/part-of': 'stockpipe',
          ...(label === undefined ? {} : { [label]: '1' }),
        },
      },
      data: { [file]: text },
    }
  })

/** For people: the dashboards among the files. */
export const titlesOf = (files: ReadonlyMap<string, string>): string[] =>
  Object.entries(DASHBOARDS)
    .filter(([name]) => files.has(`dashboards/${name}.json`))
    .map(([, { title }]) => title)

/** Whether any dashboard asks a data source that is not among the files. */
export function asksOthers(files: ReadonlyMap<string, string>): string[] {
  const sources = files.get('provisioning/datasources/stockpipe.yaml') ?? ''
  const dashboards = [...files].flatMap(([path, text]) =>
    path.startsWith('dashboards/') ? [JSON.parse(text) as Dashboard] : [],
  )
  const uids = dashboards.flatMap((dashboard) => [...targetsOf(dashboard)].map(({ target }) => target.datasource.uid))
  return [...new Set(uids)].filter((uid) => uid !== 'grafana' && !sources.includes(`uid: ${uid}`))
}
