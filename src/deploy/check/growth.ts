/** Clusters that may add nodes when pods wait, told by what stands on the nodes that are there: no right more is needed. */
import { type Finding, warn } from '../../finding.ts'
import { listAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import type { Examined } from './check.ts'

export interface Growth {
  /** Who adds nodes, and how sure that is. */
  words: string
  /** What to do if none comes. */
  fix: string
}

const added = (by: string, fix: string): Growth => ({
  words: `nodes may be added: ${by} makes them when pods wait`,
  fix: `if none comes, ${fix}`,
})

const POOLS = 'look at limits and zones of its pools: kubectl describe nodepools'

/** A group of fixed size looks the same as one that grows. */
const ofGroup = (label: string): Growth => ({
  words: `nodes may be added if their group (${label}) may grow, which they do not tell`,
  fix: 'if none comes, raise the largest size of the group',
})

/** The surest first. */
const SIGNS: readonly (readonly [isIt: (node: KubeObject) => boolean, growth: Growth])[] = [
  [(node) => labelOf(node, 'eks.amazonaws.com/compute-type') === 'auto', added('EKS Auto Mode', POOLS)],
  [(node) => labelOf(node, 'karpenter.sh/nodepool') !== undefined, added('Karpenter', POOLS)],
  [
    (node) => node.metadata.name.startsWith('gk3-') || marksOf(node, 'cloud.google.com/gke-autopilot'),
    added('GKE Autopilot', 'look at the quotas of the project'),
  ],
  [
    (node) => marksOf(node, 'cluster-autoscaler.kubernetes.io/') || hasTaintOf(node, 'ClusterAutoscaler'),
    added('the cluster autoscaler', 'raise the largest size of a node group'),
  ],
  ...['eks.amazonaws.com/nodegroup', 'cloud.google.com/gke-nodepool', 'kubernetes.azure.com/agentpool'].map(
    (label) => [(node: KubeObject) => labelOf(node, label) !== undefined, ofGroup(label)] as const,
  ),
]

const NO_NODE: Growth = {
  words: 'there is no node at all: some clusters of a cloud make the first one when pods wait',
  fix: 'if none comes, add a node group',
}

const CLOUDS: readonly string[] = ['eks', 'gke', 'aks']

/** Null: nothing tells that nodes could come. */
export async function growthOf({ cluster, values }: Pick<Examined, 'cluster' | 'values'>): Promise<Growth | null> {
  const nodes = await cluster.list({ apiVersion: 'v1', kind: 'Node' })
  const sign = SIGNS.find(([isIt]) => nodes.some(isIt))
  if (sign !== undefined) return sign[1]
  return nodes.length === 0 && CLOUDS.includes(values.profile) ? NO_NODE : null
}

/** A lack of nodes is no fault where they may be added. */
export const unlessGrown = (growth: Growth | null, lack: Finding): Finding =>
  growth === null ? lack : warn(lack.check, `${lack.detail}; ${growth.words}`, `${growth.fix}, or ${lack.fix}`)

const labelOf = ({ metadata }: KubeObject, name: string): string | undefined => metadata.labels?.[name]

const marksOf = ({ metadata }: KubeObject, prefix: string): boolean =>
  Object.keys({ ...metadata.labels, ...metadata.annotations }).some((name) => name.startsWith(prefix))

const hasTaintOf = (node: KubeObject, suffix: string): boolean =>
  listAt(node, 'spec', 'taints').some((taint) => textAt(taint, 'key').endsWith(suffix))
