/** A cluster for test files: the one of `npm test`, or else the test file's own. */
import { afterAll } from 'bun:test'

import { UNAVAILABLE } from '../services/shared.ts'
import { type Cluster, clusterAt, type ClusterOptions, startCluster } from './cluster.ts'
import { canHaveCluster, CLUSTER_VARIABLE } from './means.ts'

/**
 * A cluster for the test file that calls it at its top, or null where there can be none: then the file skips. Others
 * use it at the same time: take a namespace of your own, and leave the rest alone.
 */
export async function useCluster(options: ClusterOptions = {}): Promise<Cluster | null> {
  const shared = process.env[CLUSTER_VARIABLE]
  if (shared?.startsWith('/')) return clusterAt(shared)
  if (shared === UNAVAILABLE || !canHaveCluster()) return null
  const cluster = await startCluster(options)
  afterAll(() => cluster.stop())
  return cluster
}
