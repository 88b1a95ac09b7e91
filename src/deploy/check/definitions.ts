import { StockpipeError } from '../../errors.ts'
import { type Finding, fail, ok } from '../../finding.ts'
import type { KubeObject } from '../object.ts'
import type { Examined } from './check.ts'

/** Kinds that no Kubernetes has by itself, and what brings them. KEDA's are looked at with the autoscaler. */
const BROUGHT_BY: Readonly<Record<string, { what: string; fix: string }>> = {
  'gateway.networking.k8s.io': {
    what: 'the Gateway API',
    fix: 'install the Gateway API and one of its controllers, or --set api.exposure=ingress',
  },
  'monitoring.coreos.com': {
    what: 'the Prometheus Operator',
    fix: 'install the Prometheus Operator, or --set monitoring.by=annotations',
  },
}

/** Whether the cluster knows the kinds that others define: without them nothing of a wave would be applied. */
export async function checkDefinitions(examined: Examined): Promise<Finding[]> {
  const groups = Map.groupBy(examined.objects, ({ apiVersion }) => apiVersion.split('/')[0] ?? '')
  const asked = Object.entries(BROUGHT_BY).flatMap(([group, source]) => {
    const objects = groups.get(group)
    return objects === undefined ? [] : [{ objects, ...source }]
  })
  return (await Promise.all(asked.map((one) => checkSource(examined, one)))).flat()
}

async function checkSource(
  examined: Examined,
  { objects, what, fix }: { objects: readonly KubeObject[]; what: string; fix: string },
): Promise<Finding[]> {
  const kinds = [...new Map(objects.map((object) => [object.kind, object])).values()]
  const known = await Promise.all(kinds.map((kind) => isDefined(examined, kind)))
  const missing = kinds.filter((_, index) => known[index] !== true).map(({ kind }) => kind)
  if (missing.length === 0) return [ok('definitions', `${what} is there`)]
  return [fail('definitions', `the cluster knows no ${missing.join(' and no ')}`, fix)]
}

/** Whether objects of that kind can be there at all. */
export async function isDefined(
  { cluster, namespace }: Examined,
  { apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>,
): Promise<boolean> {
  try {
    await cluster.list({ apiVersion, kind, namespace })
    return true
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'missing-kind') return false
    throw error
  }
}
