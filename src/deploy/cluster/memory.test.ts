import { describeCluster } from '../cluster.contract.ts'
import { memoryCluster } from './memory.fixture.ts'

describeCluster('a cluster in memory', async () => {
  const cluster = memoryCluster()
  cluster.api.set({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'suite' } })
  await Promise.resolve()
  return {
    cluster,
    namespace: 'suite',
    applyAsOther: (object) => Promise.resolve(void cluster.api.set(object)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})
