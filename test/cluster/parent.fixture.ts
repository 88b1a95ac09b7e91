/** A process that starts a cluster, tells about it and then does nothing, to be killed. */
import { startCluster } from './cluster.ts'

await using cluster = await startCluster({ name: 'orphan' })
const { root, addresses, pid } = cluster
console.log(JSON.stringify({ root, addresses, pid }))
await Promise.withResolvers<void>().promise
