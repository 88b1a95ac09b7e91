import { expect, test } from 'bun:test'

import { findCoordinator } from './coordinator.ts'
import { isConnectionTrouble } from './failure.ts'
import type { Cluster } from './internals.ts'

test('a broker that lists no brokers is asked anew: what it said is not to be kept', async () => {
  const justBegun = { getNodeIds: () => [] } as Pick<Cluster, 'getNodeIds'> as Cluster
  const failure = await findCoordinator(justBegun, 'group').catch((error: unknown) => error)
  expect(isConnectionTrouble(failure)).toBe(true)
})
