/** A real Kubernetes of one node, for tests. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { newRoot } from '../services/servers.ts'
import { Api, type ApiObject, pathOf } from './api.ts'
import { build, COREDNS_IMAGE, PAUSE_IMAGE } from './build.ts'
import { imageFile } from './image.ts'
import { type Means, requiredMeans } from './means.ts'
import { type Node, startNode } from './node.ts'
import { programLayer } from './program-layer.ts'
import { DNS_DEPLOYMENT, SYSTEM_OBJECTS } from './system.ts'

export type Mode = 'full' | 'control-plane'

export interface ClusterOptions {
  /** `full` by default. `control-plane` is an API with its controllers: objects, and no pod ever runs. */
  mode?: Mode
  /** Of the cluster, its context and its node. */
  name?: string
  /** False: as with a network that ignores NetworkPolicy objects. */
  policies?: boolean
}

/** Programs reach it by the kubeconfig, and its node ports at the node's address. */
export interface Cluster {
  readonly kubeconfig: string
  readonly context: string
  readonly mode: Mode
  readonly addresses: { readonly node: string; readonly thisMachine: string }
  readonly api: Api
  /** The folder with everything of it, logs too. */
  readonly root: string
  /** Process 1 of the node. */
  readonly pid: number
  /** Brings the images of an archive, of Docker's or OCI's format, to the node, which can pull none. */
  loadImage(file: string): Promise<void>
  /** Runs a command in the node's namespaces, as root, and gives what it printed. */
  nodeExec(...command: readonly string[]): Promise<string>
}

/** It ends with this process, however that goes, and then nothing of it is left. */
export interface OwnCluster extends Cluster, AsyncDisposable {
  /** Ends it, and resolves when nothing of it is left. */
  stop(): Promise<void>
}

const LATE_MS = 180_000
const POLL_MS = 100

/** Starts a cluster, in 15 s once its programs are built, and resolves when it takes objects and runs pods. */
export async function startCluster({
  mode = 'full',
  name = 'stockpipe-test',
  policies = true,
}: ClusterOptions = {}): Promise<OwnCluster> {
  const means = requiredMeans()
  const kube = await build('kube', means)
  const images = mode === 'full' ? await systemImages(means) : []
  const root = newRoot('node').path
  for (const made of ['pki', 'logs', 'cni', 'volumes', 'kubelet']) mkdirSync(join(root, made), { mode: 0o700 })
  // Containers reach their volumes by way of it, as other users.
  mkdirSync(join(root, 'containerd'), { mode: 0o711 })
  const settings = { Name: name, Root: root, Full: mode === 'full', Policies: policies, CNI: means.cni, Images: images }
  writeFileSync(join(root, 'settings.json'), JSON.stringify(settings))
  const node = startNode([kube, 'launch', join(root, 'settings.json')])
  try {
    await ready(root, { node, mode })
  } catch (error) {
    await node.end()
    throw error
  }
  return { ...clusterAt(root), stop: node.end, [Symbol.asyncDispose]: node.end }
}

/** The cluster that another process of this machine started. */
export function clusterAt(root: string): Cluster {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(root, name), 'utf8'))
  const { Name: context, Full } = read('settings.json') as { Name: string; Full: boolean }
  const { pid, host, address } = read('about.json') as { pid: number; host: string; address: string }
  const kubeconfig = join(root, 'kubeconfig')
  const spaces = ['--mount', '--net', '--pid', '--uts', '--ipc']
  return {
    kubeconfig,
    context,
    mode: Full ? 'full' : 'control-plane',
    addresses: { node: address, thisMachine: host },
    api: new Api(kubeconfig),
    root,
    pid,
    loadImage: async (file) => {
      const address = ['--address', join(root, 'containerd.sock'), '--namespace', 'k8s.io']
      await run(['ctr', ...address, 'images', 'import', file])
    },
    nodeExec: (...command) => run(['nsenter', '--target', String(pid), ...spaces, ...command]),
  }
}

const systemImages = async (means: Means): Promise<string[]> => [
  await imageFile(
    {
      tag: PAUSE_IMAGE,
      config: { Entrypoint: ['/pause'], User: '65535' },
      layers: [await programLayer('pause', means)],
    },
    means,
  ),
  await imageFile(
    { tag: COREDNS_IMAGE, config: { Entrypoint: ['/coredns'] }, layers: [await programLayer('coredns', means)] },
    means,
  ),
]

async function ready(root: string, { node, mode }: { node: Node; mode: Mode }): Promise<void> {
  const end = Date.now() + LATE_MS
  const until = async (what: string, isSo: () => Promise<boolean> | boolean) => {
    while (!(await isSo())) {
      if (!node.isRunning()) throw new Error(`the node ended by itself:\n${node.said()}`)
      if (Date.now() > end) throw new Error(`no cluster after ${LATE_MS / 1000} s: ${what}\n${node.said()}`)
      await Bun.sleep(POLL_MS)
    }
  }
  await until('there is no node', () => existsSync(join(root, 'about.json')))
  const { api, context } = clusterAt(root)
  // The last thing that the controllers make before a pod may be.
  const account = '/api/v1/namespaces/default/serviceaccounts/default'
  await until('the API does not answer', () => answers(api, account))
  if (mode !== 'full') return
  await api.apply(...SYSTEM_OBJECTS)
  const hasCondition = async (path: string, type: string) => {
    const { status } = await api.get<Conditioned>(path)
    return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false
  }
  const nodePath = `/api/v1/nodes/${context}`
  await until('the node is not ready', async () => (await answers(api, nodePath)) && hasCondition(nodePath, 'Ready'))
  await until('names are not served', () => hasCondition(pathOf(DNS_DEPLOYMENT), 'Available'))
}

interface Conditioned extends ApiObject {
  status?: { conditions?: { type: string; status: string }[] }
}

const answers = (api: Api, path: string): Promise<boolean> =>
  api.fetch(path).then(
    ({ ok }) => ok,
    () => false,
  )

async function run(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, problem, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${command.join(' ')} failed (${code}):\n${out}${problem}`)
  return out
}
