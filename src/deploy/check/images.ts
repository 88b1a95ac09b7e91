/** Which images are on the nodes, and what of the others is known before a node asks for them. */
import { type Finding, fail, ok, warn } from '../../finding.ts'
import { listAt } from '../fields.ts'
import { loadCommand, localClusterOf } from '../local-cluster.ts'
import type { KubeObject } from '../object.ts'
import { imagesOf } from '../requests.ts'
import type { Values } from '../values.ts'
import type { Examined } from './check.ts'
import { usableNodes } from './nodes.ts'

/** As the kubelet lists it: `stockpipe:1` is `docker.io/library/stockpipe:1` in full. */
export function fullName(image: string): string {
  const [first = '', ...rest] = image.split('/')
  if (rest.length === 0) return `docker.io/library/${image}`
  return /[.:]/.test(first) || first === 'localhost' ? image : `docker.io/${image}`
}

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

/** No registry is asked: who installs often reaches others than the nodes do. */
export async function checkImages(examined: Examined): Promise<Finding[]> {
  const { nodes, wanted, absent, own } = await absentImages(examined)
  if (own.length > 0)
    return [
      fail('images', `${own.join(', ')} is not on every node, and can be pulled from nowhere`, loading(nodes, own)),
    ]
  const there = `${wanted.length - absent.length} of ${wanted.length} on the nodes`
  if (absent.length === 0) return [ok('images', there)]
  const words = `${there}; to be pulled, not looked up: ${absent.join(', ')}`
  const [chosen] = absent.filter((image) => isChosen(image, examined.values))
  return [
    chosen === undefined ? ok('images', words) : warn('images', words, trying(chosen, examined.values.pullSecret)),
  ]
}

/** Whether the user says where it comes from: the public ones of the manifests are known to be there. */
const isChosen = (
  image: string,
  { images, registry, pullSecret }: Pick<Values, 'images' | 'registry' | 'pullSecret'>,
) =>
  pullSecret !== undefined ||
  (registry !== undefined && image.startsWith(`${registry}/`)) ||
  Object.values(images).includes(image)

/** A pod beside ours would be pulled for without their login. */
const trying = (image: string, login: string | undefined): string =>
  login === undefined
    ? `see whether a node can pull each: kubectl run pull-test --restart=Never --image=${image}, then kubectl describe pod pull-test`
    : `see whether the login of Secret ${login} may pull each: docker manifest inspect ${image}`

function loading(nodes: readonly KubeObject[], images: readonly string[]): string {
  const local = localClusterOf(nodes)
  if (local === null)
    return `push ${images.join(', ')} to a registry that the nodes reach, then --set registry=HOST/PATH`
  return `stockpipe deploy image, then: ${loadCommand(local, 'stockpipe.tar').join(' ')}`
}
