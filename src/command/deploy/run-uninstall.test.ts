import { expect, test } from 'bun:test'

import { removalText } from './run-uninstall.ts'

test('what keeps the namespace is told: what somebody has in it, and what nobody may see', () => {
  const nothing = { inventory: null, workloads: [], data: [], namespace: null, foreign: [], unseen: [] }
  const theirs = { apiVersion: 'v1', kind: 'ConfigMap', name: 'theirs', namespace: 'pipeline' }
  expect(removalText({ ...nothing, foreign: [theirs] }, true)).toBe(
    'keep    ConfigMap pipeline/theirs\nthe namespace stays, because not everything in it is ours\n',
  )
  expect(removalText({ ...nothing, unseen: ['DaemonSet', 'CronJob'] }, true)).toMatch(
    /^the namespace stays, because we may not see .*: DaemonSet, CronJob \(stockpipe deploy check --roles prints .*\)\n$/,
  )
})
