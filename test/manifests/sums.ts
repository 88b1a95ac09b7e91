/** The table of manifests/README.md: what each profile asks of the nodes. */
import { join, resolve } from 'node:path'

import { markdownTable, withMarked } from '../../src/config/markdown.ts'
import { isWorkload, type ClaimTemplate } from '../../src/deploy/pod.ts'
import type { KubeObject } from '../../src/deploy/object.ts'
import { PROFILES } from '../../src/deploy/profile.ts'
import { amountOf, bytesWords, cpuWords } from '../../src/deploy/quantity.ts'
import { requestsOf, totalOf } from '../../src/deploy/requests.ts'
import { rendered } from './combinations.ts'

export const README = join(resolve(import.meta.dir, '../../manifests'), 'README.md')

const storageOf = ({ spec }: Pick<ClaimTemplate, 'spec'>): number => amountOf(spec.resources.requests.storage)
function volumesOf(objects: readonly KubeObject[]): number {
  const sets = objects.filter(isWorkload).map(({ spec }) => {
    const each = (spec.volumeClaimTemplates ?? []).map(storageOf)
    return (spec.replicas ?? 1) * each.reduce((sum, one) => sum + one, 0)
  })
  const claims = objects
    .filter(({ kind }) => kind === 'PersistentVolumeClaim')
    .map((claim) => storageOf(claim as unknown as ClaimTemplate))
  return [...sets, ...claims].reduce((sum, one) => sum + one, 0)
}

export function sumsTable(): string {
  const rows = PROFILES.map((profile) => {
    const objects = rendered({ profile })
    const requests = requestsOf(objects)
    const { cpu, memory } = totalOf(requests)
    const pods = requests.reduce((sum, one) => sum + one.pods, 0)
    return [`\`${profile}\``, String(pods), cpuWords(cpu), bytesWords(memory), bytesWords(volumesOf(objects))]
  })
  return markdownTable([['Profile', 'Pods', 'Processors', 'Memory', 'Volumes'], ...rows])
}

/** Null without the marks. */
export const withSums = (readme: string): string | null => withMarked(readme, 'sums', sumsTable())
