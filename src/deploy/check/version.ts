import { type Finding, fail, ok } from '../../finding.ts'
import type { Examined } from './check.ts'

/** The label apps.kubernetes.io/pod-index, by which a Kafka pod knows its number, came with 1.28. */
const OLDEST_MINOR = 28

export async function checkVersion({ cluster }: Pick<Examined, 'cluster'>): Promise<Finding[]> {
  const { context, server, version } = await cluster.identity()
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  const words = `${context} at ${server}, Kubernetes ${version}`
  if (major === 1 && minor < OLDEST_MINOR)
    return [fail('cluster', words, `upgrade the cluster: 1.${OLDEST_MINOR} or later is needed`)]
  return [ok('cluster', words)]
}
