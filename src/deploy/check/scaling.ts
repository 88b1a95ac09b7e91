import { type Finding, fail, ok, warn } from '../../finding.ts'
import type { Examined } from './check.ts'
import { isDefined } from './definitions.ts'

/** An autoscaler needs something that tells it the lag; without one the number of pods would just stay. */
export function checkScaling(examined: Examined): Promise<Finding[]> {
  const has = (wanted: string) => examined.objects.some(({ kind }) => kind === wanted)
  if (has('ScaledObject')) return checkKeda(examined)
  if (has('HorizontalPodAutoscaler')) return checkMetrics(examined)
  return Promise.resolve([ok('scaling', 'the number of processors is fixed')])
}

async function checkKeda(examined: Examined): Promise<Finding[]> {
  if (await isDefined(examined, { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject' }))
    return [ok('scaling', 'KEDA is there')]
  return [fail('scaling', 'the cluster knows no ScaledObject', 'install KEDA, or --set processor.autoscaling.by=hpa')]
}

/** What a cluster has to serve for metrics of pods, and who does usually. */
const LAG_API = 'v1beta1.custom.metrics.k8s.io'

async function checkMetrics({ cluster }: Examined): Promise<Finding[]> {
  const ref = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', name: LAG_API, namespace: null }
  if ((await cluster.get(ref)) !== null) return [ok('scaling', `${LAG_API} is served`)]
  return [
    warn(
      'scaling',
      `nobody serves ${LAG_API}: the autoscaler sees CPU alone, not the lag`,
      'install prometheus-adapter, or --set processor.autoscaling.by=keda',
    ),
  ]
}
