/** The files of the folder `grafana`, as they are in the executable: by their paths below it. */
import marketApi from '../../../grafana/dashboards/market-api.json' with { type: 'json' }
import marketLive from '../../../grafana/dashboards/market-live.json' with { type: 'json' }
import market from '../../../grafana/dashboards/market.json' with { type: 'json' }
import pipeline from '../../../grafana/dashboards/pipeline.json' with { type: 'json' }
import resources from '../../../grafana/dashboards/resources.json' with { type: 'json' }
import alerting from '../../../grafana/provisioning/alerting/stockpipe.yaml' with { type: 'text' }
import provider from '../../../grafana/provisioning/dashboards/stockpipe.yaml' with { type: 'text' }
import datasources from '../../../grafana/provisioning/datasources/stockpipe.yaml' with { type: 'text' }
import type { Dashboard } from './dashboard.ts'

/** By file name without `.json`. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  market,
  'market-api': marketApi,
  'market-live': marketLive,
  pipeline,
  resources,
}

/** Byte for byte what is in the repository. */
export function grafanaFiles(): Map<string, string> {
  const files = new Map<string, string>([
    ['provisioning/datasources/stockpipe.yaml', String(datasources)],
    ['provisioning/dashboards/stockpipe.yaml', String(provider)],
    ['provisioning/alerting/stockpipe.yaml', String(alerting)],
  ])
  for (const [name, dashboard] of Object.entries(DASHBOARDS))
    files.set(`dashboards/${name}.json`, `${JSON.stringify(dashboard, null, 2)}\n`)
  return files
}
