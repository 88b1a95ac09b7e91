/** Which images are on the nodes, and what of the others is known before a node asks for them. */
import { type Finding, fail, ok, warn } from '../../finding.ts'
import { listAt } from '../fields.ts'
import { loadBuiltCommand, loadCommand, localClusterOf } from '../local-cluster.ts'
import type { KubeObject } from '../object.ts'
import { imagesOf } from '../requests.ts'
import type { Examined } from './check.ts'
import { usableNodes } from './nodes.ts'
import { type Answer, fullName, registryOf } from './registry.ts'

/** A kubelet lists no more than this many: on such a node what is not listed may still be there. */
const MOST_LISTED = 50

function isAbsent(node: KubeObject, image: string): boolean {
  const listed = listAt(node, 'status', 'images')
  const names = listed.flatMap((one) => listAt(one, 'names')).map((name) => fullName(String(name)))
  return listed.length < MOST_LISTED && !names.includes(fullName(image))
}

export interface AbsentImages {
  nodes: readonly KubeObject[]
  wanted: readonly string[]
  /** Those that some node has not; all where there is no node. */
  absent: readonly string[]
  /** Of these, our own without a registry in its name: it can be pulled from nowhere. */
  own: readonly string[]
}

export async function absentImages(examined: Pick<Examined, 'cluster' | 'objects'>): Promise<AbsentImages> {
  const nodes = await usableNodes(examined)
  const wanted = imagesOf(examined.objects)
  const absent = wanted.filter((image) => nodes.length === 0 || nodes.some((node) => isAbsent(node, image)))
  return {
    nodes,
    wanted,
    absent,
    own: absent.filter((image) => /^docker\.io\/library\/stockpipe\b/.test(fullName(image))),
  }
}

export async function checkImages(examined: Examined): Promise<Finding[]> {
  const { nodes, wanted, absent, own } = await absentImages(examined)
  if (own.length > 0)
    return [
      fail(
        'images',
        `${own.join(', ')} is not on every node, and can be pulled from nowhere`,
        loading(nodes, own, examined.whyNoImage),
      ),
    ]
  const there = `${wanted.length - absent.length} of ${wanted.length} on the nodes`
  if (absent.length === 0) return [ok('images', there)]
  const answers = await Promise.all(absent.map(async (image) => judged(image, await examined.ask(image), examined)))
  const told = (state: Finding['state']): string =>
    answers.flatMap((answer) => (answer.state === state ? [answer.words] : [])).join(', ')
  const missing = told('fail')
  if (missing !== '')
    return [
      fail(
        'images',
        `${there}; cannot be pulled: ${missing}`,
        'correct name and tag (images, registry); for a private one set pullSecret, the name of a Secret with its login; where nodes get it from a mirror: stockpipe deploy apply, which asks no registry',
      ),
    ]
  const open = answers.find(({ state }) => state === 'warn')
  if (open !== undefined)
    return [
      warn(
        'images',
        `${there}; whether a node can pull is not known: ${told('warn')}`,
        trying(open.image, examined.values.pullSecret),
      ),
    ]
  const registries = [...new Set(absent.map(registryOf))].join(', ')
  return [ok('images', `${there}; can be pulled (asked ${registries} from here): ${told('ok')}`)]
}

/** Where anybody may pull: of these a no is one for the nodes, too. */
const PUBLIC_HOMES = new Set(['docker.io', 'ghcr.io', 'quay.io', 'registry.k8s.io'])

interface Judged {
  image: string
  state: Finding['state']
  words: string
}
/** Nodes may have a login of their own, which nobody tells us of: to those without one a registry may hide what it has. */
function judged(image: string, answer: Answer, { values }: Pick<Examined, 'values'>): Judged {
  const registry = registryOf(image)
  if (answer.state === 'there') return { image, state: 'ok', words: image }
  if (answer.state === 'unknown') return { image, state: 'warn', words: `${image} (${answer.why})` }
  if (answer.state === 'closed')
    return { image, state: 'warn', words: `${image} (${registry} shows it only after a login)` }
  const state = PUBLIC_HOMES.has(registry) && values.pullSecret === undefined ? 'fail' : 'warn'
  return { image, state, words: `${image} (${registry} does not have it)` }
}

/** A pod beside ours would be pulled for without their login. */
const trying = (image: string, login: string | undefined): string =>
  login === undefined
    ? `see whether a node can pull each: kubectl run pull-test --restart=Never --image=${image}, then kubectl describe pod pull-test`
    : `see whether the login of Secret ${login} may pull each: docker manifest inspect ${image}`

function loading(nodes: readonly KubeObject[], images: readonly string[], whyNoImage: string | null): string {
  const local = localClusterOf(nodes)
  if (local === null)
    return `push ${images.join(', ')} to a registry that the nodes reach, then --set registry=HOST/PATH`
  if (whyNoImage === null) return `stockpipe deploy image, then: ${loadCommand(local, 'stockpipe.tar').join(' ')}`
  const [image = ''] = images
  return `in the source: docker build --tag ${image} . and then: ${loadBuiltCommand(local, image).join(' ')} (${whyNoImage})`
}
