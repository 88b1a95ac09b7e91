import { type Finding, fail, ok, warn } from '../../finding.ts'
import { listAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { bytesWords, cpuWords, parseQuantity } from '../quantity.ts'
import { type Amount, imagesOf, requestsOf, totalOf } from '../requests.ts'
import type { Examined } from './check.ts'
import { isTrue } from './namespace.ts'

/** Images are built for these. */
const ARCHITECTURES = ['amd64', 'arm64']
const GIB = 2 ** 30
/** What Minikube and the system pods take for themselves, roughly. */
const OF_THE_SYSTEM: Amount = { cpu: 1, memory: GIB }

async function usableNodes({ cluster }: Examined): Promise<KubeObject[]> {
  const nodes = await cluster.list({ apiVersion: 'v1', kind: 'Node' })
  return nodes.filter(
    (node) => isTrue(node, 'Ready') && (node['spec'] as { unschedulable?: boolean })?.unschedulable !== true,
  )
}

export async function checkArchitecture(examined: Examined): Promise<Finding[]> {
  const nodes = await usableNodes(examined)
  if (nodes.length === 0) return [fail('nodes', 'none is ready to take pods', 'kubectl get nodes')]
  const of = (node: KubeObject) => textAt(node, 'status', 'nodeInfo', 'architecture')
  const strange = nodes.filter((node) => !ARCHITECTURES.includes(of(node)))
  const words = `${nodes.length} ready, ${[...new Set(nodes.map(of))].sort().join(', ')}`
  if (strange.length === nodes.length)
    return [fail('nodes', words, `images are for ${ARCHITECTURES.join(' and ')} only`)]
  return [
    strange.length > 0 ? warn('nodes', words, 'keep pods off the others by --set nodeSelector') : ok('nodes', words),
  ]
}

const allocatable = (node: KubeObject): Amount => ({
  cpu: parseQuantity(textAt(node, 'status', 'allocatable', 'cpu') || '0'),
  memory: parseQuantity(textAt(node, 'status', 'allocatable', 'memory') || '0'),
})

/** The sum must fit the nodes together, and the largest pod one of them. Other people's pods are not counted. */
export async function checkCapacity(examined: Examined): Promise<Finding[]> {
  const nodes = (await usableNodes(examined)).map(allocatable)
  const there = { cpu: sum(nodes.map(({ cpu }) => cpu)), memory: sum(nodes.map(({ memory }) => memory)) }
  const requests = requestsOf(examined.objects)
  const asked = totalOf(requests)
  const words = `asks for ${amountWords(asked)}; the nodes have ${amountWords(there)}`
  const { context } = await examined.cluster.identity()
  if (there.cpu < asked.cpu || there.memory < asked.memory) return [fail('capacity', words, more(context, asked))]
  const homeless = requests.filter((pod) => !nodes.some((node) => node.cpu >= pod.cpu && node.memory >= pod.memory))
  if (homeless.length === 0) return [ok('capacity', words)]
  return [
    fail(
      'capacity',
      `no single node holds a pod of ${homeless.map(({ name }) => name).join(', ')}`,
      more(context, asked),
    ),
  ]
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
const amountWords = ({ cpu, memory }: Amount): string => `${cpuWords(cpu)} and ${bytesWords(memory)}`

/** Minikube cannot grow a node that is there: it has to be made anew. */
function more(context: string, asked: Amount): string {
  if (!context.includes('minikube')) return 'add nodes, or ask for less by --set'
  const cpus = Math.ceil(asked.cpu + OF_THE_SYSTEM.cpu)
  const memory = Math.ceil((asked.memory + OF_THE_SYSTEM.memory) / GIB)
  return `minikube delete && minikube start --cpus ${cpus} --memory ${memory}g`
}

/** As the kubelet lists it: `stockpipe:1` is `docker.io/library/stockpipe:1` in full. */
export function fullName(image: string): string {
  const [first = '', ...rest] = image.split('/')
  if (rest.length === 0) return `docker.io/library/${image}`
  return /[.:]/.test(first) || first === 'localhost' ? image : `docker.io/${image}`
}

/** An image without a registry in its name can come from nowhere: it must be on the nodes. */
export async function checkImages(examined: Examined): Promise<Finding[]> {
  const nodes = await usableNodes(examined)
  const held = nodes.map(
    (node) =>
      new Set(
        listAt(node, 'status', 'images')
          .flatMap((image) => listAt(image, 'names'))
          .map((name) => fullName(String(name))),
      ),
  )
  const wanted = imagesOf(examined.objects)
  const absent = wanted.filter((image) => !held.every((names) => names.has(fullName(image))))
  const own = absent.filter((image) => fullName(image).startsWith('docker.io/library/stockpipe'))
  const { context } = await examined.cluster.identity()
  if (own.length > 0) return [fail('images', `${own.join(', ')} is not on every node`, loading(context, own))]
  if (absent.length === 0) return [ok('images', `${wanted.length} of ${wanted.length} on the nodes`)]
  return [
    ok(
      'images',
      `${wanted.length - absent.length} of ${wanted.length} on the nodes, to be pulled: ${absent.join(', ')}`,
    ),
  ]
}

function loading(context: string, images: readonly string[]): string {
  const build = 'bun build.ts --image stockpipe.tar'
  if (context.includes('minikube')) return `${build}, then: minikube image load stockpipe.tar`
  if (context.startsWith('kind-'))
    return `${build}, then: kind load image-archive stockpipe.tar --name ${context.slice(5)}`
  return `push ${images.join(', ')} to a registry that the nodes reach, then --set registry=HOST/PATH`
}
