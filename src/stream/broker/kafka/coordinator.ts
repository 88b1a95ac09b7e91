import type { Cluster } from './internals.ts'
import { isConnectionTrouble, noBrokers } from './failure.ts'
import type { Node } from './protocol.ts'

const GROUP = 0

/** The broker that keeps the books of a group. kafkajs would not tell why a broker refuses to name it. */
export async function findCoordinator(cluster: Cluster, groupId: string): Promise<Node> {
  let failure: unknown = noBrokers()
  for (const nodeId of cluster.getNodeIds())
    try {
      const node = await cluster.findBroker({ nodeId })
      const { coordinator } = await node.findGroupCoordinator({ groupId, coordinatorType: GROUP })
      return await cluster.findBroker({ nodeId: String(coordinator.nodeId) })
    } catch (error) {
      if (!isConnectionTrouble(error)) throw error
      failure = error
    }
  throw failure
}
