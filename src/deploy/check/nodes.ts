import { type Finding, fail, ok, warn } from '../../finding.ts'
import { at, textAt } from '../fields.ts'
import { localClusterOf } from '../local-cluster.ts'
import type { KubeObject } from '../object.ts'
import { bytesWords, cpuWords, isEnough, parseQuantity } from '../quantity.ts'
import { type Amount, requestsOf, totalOf } from '../requests.ts'
import type { Examined } from './check.ts'
import { growthOf, unlessGrown } from './growth.ts'
import { isTrue } from './namespace.ts'
import { barOf } from './place.ts'

/** Images are built for these. */
const ARCHITECTURES = ['amd64', 'arm64']
const GIB = 2 ** 30
/** What Minikube and the system pods take for themselves, roughly. */
const OF_THE_SYSTEM: Amount = { cpu: 1, memory: GIB }

/** Those that are ready, open, and may run a pod of ours. */
export async function usableNodes(examined: Pick<Examined, 'cluster' | 'objects'>): Promise<KubeObject[]> {
  return (await readyNodes(examined)).filter((node) => barOf(node, examined.objects) === null)
}

async function readyNodes({ cluster }: Pick<Examined, 'cluster'>): Promise<KubeObject[]> {
  const nodes = await cluster.list({ apiVersion: 'v1', kind: 'Node' })
  return nodes.filter((node) => isTrue(node, 'Ready') && at(node, 'spec', 'unschedulable') !== true)
}

export async function checkArchitecture(examined: Examined): Promise<Finding[]> {
  const ready = await readyNodes(examined)
  if (ready.length === 0)
    return [
      unlessGrown(
        await growthOf(examined),
        fail('nodes', 'none is ready to take pods', 'see what they wait for: kubectl get nodes'),
      ),
    ]
  const nodes = ready.filter((node) => barOf(node, examined.objects) === null)
  const closed = closedWords(ready, examined.objects)
  if (nodes.length === 0)
    return [
      unlessGrown(
        await growthOf(examined),
        fail('nodes', `none of ${ready.length} ready may take these pods: ${closed}`, OTHER_PLACE),
      ),
    ]
  const of = (node: KubeObject) => textAt(node, 'status', 'nodeInfo', 'architecture')
  const strange = nodes.filter((node) => !ARCHITECTURES.includes(of(node)))
  const kinds = [...new Set(nodes.map(of))].sort().join(', ')
  const words = `${nodes.length} ready, ${kinds}${closed === '' ? '' : `; not for these pods: ${closed}`}`
  if (strange.length === nodes.length)
    return [fail('nodes', words, `images are for ${ARCHITECTURES.join(' and ')} only`)]
  return [
    strange.length > 0 ? warn('nodes', words, 'keep pods off the others by --set nodeSelector') : ok('nodes', words),
  ]
}

const OTHER_PLACE = 'set tolerations or nodeSelector so that some may, by --values'

/** How many nodes are barred for which reason: `1 with the taint ...`. */
function closedWords(nodes: readonly KubeObject[], objects: readonly KubeObject[]): string {
  const bars = nodes.map((node) => barOf(node, objects)).filter((bar) => bar !== null)
  return [...Map.groupBy(bars, (bar) => bar)].map(([bar, alike]) => `${alike.length} ${bar}`).join(', ')
}

const allocatable = (node: KubeObject): Amount => ({
  cpu: parseQuantity(textAt(node, 'status', 'allocatable', 'cpu') || '0'),
  memory: parseQuantity(textAt(node, 'status', 'allocatable', 'memory') || '0'),
})

/** The sum must fit the nodes together, and the largest pod one of them. Other people's pods are not counted. */
export async function checkCapacity(examined: Examined): Promise<Finding[]> {
  const nodes = await usableNodes(examined)
  const room = nodes.map(allocatable)
  const there = { cpu: sum(room.map(({ cpu }) => cpu)), memory: sum(room.map(({ memory }) => memory)) }
  const requests = requestsOf(examined.objects)
  const asked = totalOf(requests)
  const words = `asks for ${amountWords(asked)}; the nodes have ${amountWords(there)}`
  const lacks = async (detail: string): Promise<Finding[]> => [
    unlessGrown(await growthOf(examined), fail('capacity', detail, more(nodes, asked))),
  ]
  if (!isEnough(there.cpu, asked.cpu) || there.memory < asked.memory) return lacks(words)
  const homeless = requests.filter(
    (pod) => !room.some(({ cpu, memory }) => isEnough(cpu, pod.cpu) && memory >= pod.memory),
  )
  if (homeless.length === 0) return [ok('capacity', words)]
  const names = homeless.map(({ name }) => name).join(', ')
  return lacks(`no single node holds a pod of ${names}`)
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
const amountWords = ({ cpu, memory }: Amount): string => `${cpuWords(cpu)} and ${bytesWords(memory)}`

/** Minikube cannot grow a node that is there: it has to be made anew. */
function more(nodes: readonly KubeObject[], asked: Amount): string {
  const local = localClusterOf(nodes)
  if (local?.tool !== 'minikube') return 'add nodes, or ask for less by --set'
  const profile = local.name === 'minikube' ? '' : ` --profile ${local.name}`
  const cpus = Math.ceil(asked.cpu + OF_THE_SYSTEM.cpu)
  const memory = Math.ceil((asked.memory + OF_THE_SYSTEM.memory) / GIB)
  return `minikube delete${profile} && minikube start${profile} --cpus ${cpus} --memory ${memory}g`
}
