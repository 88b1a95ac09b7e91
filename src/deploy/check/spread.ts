import { type Finding, fail, ok } from '../../finding.ts'
import { isWorkload, type Workload } from '../pod.ts'
import type { Examined } from './check.ts'
import { growthOf, unlessGrown } from './growth.ts'
import { usableNodes } from './nodes.ts'

/** What the places are called that a label of nodes tells apart. */
const PLACES: Readonly<Record<string, string>> = {
  'kubernetes.io/hostname': 'nodes',
  'topology.kubernetes.io/zone': 'zones',
}

/** How many places of one kind the pods of a workload insist on. */
interface Wish {
  name: string
  topologyKey: string
  places: number
}

/** What insists on nodes or zones of its own waits for ever where there are too few. Nothing where nobody insists. */
export async function checkSpread(examined: Examined): Promise<Finding[]> {
  const wishes = examined.objects.filter(isWorkload).flatMap(wishesOf)
  if (wishes.length === 0) return []
  const nodes = await usableNodes(examined)
  const there = (key: string): number => new Set(nodes.flatMap(({ metadata }) => metadata.labels?.[key] ?? [])).size
  const words = ({ name, topologyKey, places }: Wish): string =>
    `${name} wants ${places} ${PLACES[topologyKey] ?? topologyKey}, there are ${there(topologyKey)}`
  const lacking = wishes.filter(({ topologyKey, places }) => there(topologyKey) < places)
  if (lacking.length === 0) return [ok('spread', 'every broker and node of the ring has a place of its own')]
  const lack = fail('spread', lacking.map(words).join('; '), 'add nodes there, or take another profile: --profile')
  return [unlessGrown(await growthOf(examined), lack)]
}

function wishesOf({ metadata: { name }, spec: { replicas = 1, template } }: Workload): Wish[] {
  return (template.spec.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')
    .map(({ topologyKey, minDomains = 1 }) => ({
      name,
      topologyKey: String(topologyKey),
      places: Math.min(replicas, Number(minDomains)),
    }))
}
