/** Values -> objects. Pure: the same values give the same bytes, without a cluster, a clock or chance. */
import { type ComponentName, composed } from './profile.ts'
import { grafanaConfigs, setGrafana } from './render/grafana.ts'
import { stamped } from './render/hashes.ts'
import { labelled } from './render/labels.ts'
import { left } from './render/left.ts'
import { setPods } from './render/pods.ts'
import { setMonitoring } from './render/monitoring.ts'
import { setApi, setConfig, setRoles } from './render/roles.ts'
import { setServers } from './render/servers.ts'
import { checkSums } from './render/sums.ts'
import { moved } from './render/namespace.ts'
import type { KubeObject } from './object.ts'
import type { Values } from './values.ts'
import { inOrder } from './waves.ts'

/** In the order in which they are applied. Throws `config` for values that contradict what the profile has. */
export function render(values: Values): KubeObject[] {
  const objects = [...composed(values.profile, componentsOf(values)), ...grafanaConfigs(values)]
  setConfig(objects, values)
  setServers(objects, values)
  setRoles(objects, values)
  setApi(objects, values)
  setGrafana(objects, values)
  setMonitoring(objects, values)
  setPods(objects, values)
  const wanted = left(objects, values)
  checkSums(wanted)
  return inOrder(stamped(labelled(moved(wanted, values))))
}

function componentsOf({ feed, ui, processor, api, grafana, monitoring }: Values): ComponentName[] {
  const { by } = processor.autoscaling
  const wanted: (ComponentName | false)[] = [
    'disruption-budgets',
    feed === 'finnhub' && 'finnhub',
    ui === 'kafdrop' && 'kafdrop',
    grafana.liveTokenSecret !== undefined && 'grafana-live',
    by !== 'none' && `autoscale-${by}`,
    api.exposure !== 'cluster' && `api-${api.exposure}`,
    monitoring.namespace !== undefined && 'monitoring',
    monitoring.by === 'operator' && 'monitoring-operator',
  ]
  return wanted.filter((name) => name !== false)
}
