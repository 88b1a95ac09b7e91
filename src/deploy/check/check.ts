/** `deploy check`: whether a cluster can take what would be applied, asked before anything is. Changes nothing. */
import { StockpipeError } from '../../errors.ts'
import { failed, type Finding } from '../../finding.ts'
import type { Cluster, ClusterSession } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import type { Values } from '../values.ts'
import { checkImages } from './images.ts'
import { checkArchitecture, checkCapacity } from './nodes.ts'
import { checkNamespace } from './namespace.ts'
import { checkQuota } from './quota.ts'
import type { AskRegistry } from './registry.ts'
import { checkRights } from './rights.ts'
import { checkDefinitions } from './definitions.ts'
import { checkScaling } from './scaling.ts'
import { checkSecrets } from './secrets.ts'
import { checkSpread } from './spread.ts'
import { checkStorage } from './storage.ts'
import { checkVersion } from './version.ts'

/** What is examined: a cluster, the objects it would get, and what was set about them. */
export interface Examined {
  cluster: Cluster
  session: Pick<ClusterSession, 'may'>
  objects: readonly KubeObject[]
  namespace: string
  values: Pick<Values, 'profile' | 'images' | 'registry' | 'pullSecret'>
  ask: AskRegistry
  /** Why this program cannot write the image of itself, if so. */
  whyNoImage: string | null
}

type Check = (examined: Examined) => Promise<readonly Finding[]>

const CHECKS: Readonly<Record<string, Check>> = {
  rights: checkRights,
  namespace: checkNamespace,
  secrets: checkSecrets,
  storage: checkStorage,
  nodes: checkArchitecture,
  capacity: checkCapacity,
  spread: checkSpread,
  quota: checkQuota,
  images: checkImages,
  scaling: checkScaling,
  definitions: checkDefinitions,
}

/** In the order of the table. Where the cluster does not answer, nothing else can be asked. */
export async function check(examined: Examined): Promise<Finding[]> {
  const version = await checkVersion(examined).catch((error: unknown) => [failed('cluster', error)])
  if (version.some(({ state }) => state === 'fail')) return version
  const found = await Promise.all(Object.entries(CHECKS).map(([name, run]) => asked(name, () => run(examined))))
  return [...version, ...found.flat()]
}

/** A look that we have no right to is not a fault: what it would have found is not known. */
async function asked(name: string, run: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof StockpipeError) || error.code !== 'forbidden') return [failed(name, error)]
    return [{ check: name, state: 'warn', detail: `not checked: ${error.message}`, fix: 'ask for the right to look' }]
  }
}
