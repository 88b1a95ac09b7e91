import { expect, test } from 'bun:test'

import { memoryCluster } from '../../deploy/cluster/memory.fixture.ts'
import { prepared } from '../../deploy/install.fixture.ts'
import { planText } from './run-apply.ts'

test('a plan says where nobody can tell whether this is the cluster of the last run, and which right that takes', async () => {
  const cluster = memoryCluster()
  const known = await prepared(cluster)
  expect(planText(known)).not.toContain('identity')
  const unknown = { ...known, identity: { ...known.identity, uid: null } }
  expect(planText(unknown)).toMatch(/^identity +not known: .*cannot be compared.*get namespaces kube-system/m)
})
