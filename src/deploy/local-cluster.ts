/** Clusters on a developer's machine, whose nodes take images from a file. */
import { StockpipeError } from '../errors.ts'
import { textAt } from './fields.ts'
import type { KubeObject } from './object.ts'

export interface LocalCluster {
  tool: 'minikube' | 'kind'
  /** As the tool calls it. */
  name: string
}

const KIND = /^kind:\/\/[^/]+\/([^/]+)\//

/** Told by what the tools write on their nodes; null for any other cluster. */
export function localClusterOf(nodes: readonly KubeObject[]): LocalCluster | null {
  for (const node of nodes) {
    const minikube = node.metadata.labels?.['minikube.k8s.io/name']
    if (minikube !== undefined) return { tool: 'minikube', name: minikube }
    const [, kind] = KIND.exec(textAt(node, 'spec', 'providerID')) ?? []
    if (kind !== undefined) return { tool: 'kind', name: kind }
  }
  return null
}

/** The command line that brings an archive to every node. */
export const loadCommand = ({ tool, name }: LocalCluster, file: string): string[] =>
  tool === 'minikube'
    ? ['minikube', '--profile', name, 'image', 'load', file]
    : ['kind', 'load', 'image-archive', file, '--name', name]

/** The one that brings an image which Docker has on this machine. */
export const loadBuiltCommand = ({ tool, name }: LocalCluster, image: string): string[] =>
  tool === 'minikube'
    ? ['minikube', '--profile', name, 'image', 'load', image]
    : ['kind', 'load', 'docker-image', image, '--name', name]

/** Throws `config` where the tool is not there, `refused` with its last words where it fails. */
export async function loadImage(cluster: LocalCluster, file: string): Promise<void> {
  const command = loadCommand(cluster, file)
  if (Bun.which(cluster.tool) === null)
    throw new StockpipeError('config', `${cluster.tool} is not on the PATH`, {
      why: 'it made this cluster, and only it brings images to it',
      hint: command.join(' '),
    })
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const [code, words] = await Promise.all([child.exited, new Response(child.stderr).text()])
  if (code === 0) return
  throw new StockpipeError('refused', `${command.join(' ')} ended with ${code}`, {
    why: words.trim().split('\n').at(-1),
    hint: `bring ${file} to the nodes by hand, then run deploy again`,
  })
}
