import { expect, test } from 'bun:test'

import { memoryCluster } from './cluster/memory.fixture.ts'
import { install, prepared, type Install } from './install.fixture.ts'

test('values of the last run that this one does not have are named by their keys', async () => {
  const cluster = memoryCluster()
  const text =
    'namespace: pipeline\nkafka: { heap: 300m, storage: 9Gi }\nnodeSelector: { disk: fast }\nsettings: { symbols: [A, B] }\n'
  await install(cluster, { files: [{ name: 'mine.yaml', text }], sets: ['api.replicas=2'] })
  const dropped = async (how: Install) => (await prepared(cluster, how)).intent.dropped
  expect(await dropped({ sets: ['kafka.heap=400m', 'settings.symbols=A'] })).toEqual([
    'kafka.storage',
    'nodeSelector.disk',
    'api.replicas',
  ])
  expect(await dropped({})).toEqual([])
  expect(await dropped({ profile: 'ha' })).toEqual([])
  expect(await dropped({ files: [{ name: 'mine.yaml', text }], sets: ['api.replicas=3', 'ui=none'] })).toEqual([])
  expect((await prepared(memoryCluster(), { sets: ['ui=none'] })).intent.dropped).toEqual([])
})
