import { StockpipeError } from '../../errors.ts'
import { type Finding, fail, ok } from '../../finding.ts'
import type { Examined } from './check.ts'

/** An autoscaler needs something that tells it the lag; without one the number of pods would just stay. */
export async function checkScaling({ cluster, objects, namespace }: Examined): Promise<Finding[]> {
  if (!objects.some(({ kind }) => kind === 'ScaledObject')) return [ok('scaling', 'no KEDA wanted')]
  try {
    await cluster.list({ apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', namespace })
    return [ok('scaling', 'KEDA is there')]
  } catch (error) {
    if (!(error instanceof StockpipeError) || error.code !== 'missing-kind') throw error
    return [fail('scaling', 'the cluster knows no ScaledObject', 'install KEDA, or --set processor.autoscaling.by=hpa')]
  }
}
