/** `bun test/cluster/up.ts [--control-plane] [--images]`: a real Kubernetes for a person, empty, until Ctrl-C. */
import { startCluster } from './cluster.ts'
import { CLUSTER_VARIABLE } from './means.ts'
import { standInFiles } from './stand-ins.ts'

const interrupted = Promise.withResolvers<void>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupted.resolve())

const isFull = !process.argv.includes('--control-plane')
const files = isFull && process.argv.includes('--images') ? await standInFiles() : []
console.warn('Starting Kubernetes ...')
await using cluster = await startCluster({ mode: isFull ? 'full' : 'control-plane' })
for (const file of files) await cluster.loadImage(file)

console.log(`
export KUBECONFIG=${cluster.kubeconfig}
# The node is at ${cluster.addresses.node}. Images come to it from archives, docker's or OCI's:
#   ctr --address ${cluster.root}/containerd.sock --namespace k8s.io images import FILE.tar

# Before a test command, to use this cluster:
# ${CLUSTER_VARIABLE}=${cluster.root}
`)
console.warn('It runs until Ctrl-C, and then nothing of it is left.')
await interrupted.promise
