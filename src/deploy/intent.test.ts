import { describe, expect, test } from 'bun:test'

import { canary } from '../../test/canary.ts'
import { toWords } from '../errors.ts'
import { type MemoryCluster, memoryCluster } from './cluster/memory.fixture.ts'
import { obstacleError } from './plan.ts'
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

describe('a token in the environment', () => {
  const feedOf = async (cluster: MemoryCluster, how: Install = {}) => {
    const { values, isTokenIdle } = (await prepared(cluster, { ...how, ...TOKEN })).intent
    return isTokenIdle ? `${values.feed}, idle token` : values.feed
  }
  const TOKEN: Install = { hasToken: true, given: new Map([['finnhub/token', canary('finnhub')]]) }
  const file = (text: string): Install => ({ files: [{ name: 'mine.yaml', text }] })

  test('is used by a first run that says nothing else', async () => {
    expect(await feedOf(memoryCluster())).toBe('finnhub')
    expect(await feedOf(memoryCluster(), { sets: ['ui=none'] })).toBe('finnhub')
    expect(await feedOf(memoryCluster(), file('feed: simulated\n'))).toBe('simulated, idle token')
    expect(await feedOf(memoryCluster(), { sets: ['feed=simulated'] })).toBe('simulated, idle token')
    expect((await prepared(memoryCluster())).intent.values.feed).toBe('simulated')
  })

  test('is of no more need once it is installed: a run without it never goes back to the simulator', async () => {
    const cluster = memoryCluster()
    await install(cluster, TOKEN)
    expect(await install(cluster)).toSatisfy((steps) => steps.every(({ verb }) => verb === 'keep'))
    const { plan } = await prepared(cluster, { sets: ['api.replicas=2'] })
    expect(toWords(obstacleError(plan))).toContain('add --set feed=finnhub')
    expect(await feedOf(cluster, { sets: ['api.replicas=2'] })).toBe('finnhub')
  })

  test('is no value of the run: those of the last one stay', async () => {
    const cluster = memoryCluster()
    await install(cluster, { ...TOKEN, sets: ['ui=none'] })
    const { intent } = await prepared(cluster, TOKEN)
    expect(intent).toMatchObject({ isAsBefore: true, dropped: [], values: { ui: 'none', feed: 'finnhub' } })
  })

  test('turns no installation with simulated trades into one that cannot go on', async () => {
    const cluster = memoryCluster()
    await install(cluster)
    for (const sets of [[], ['api.replicas=2']]) {
      expect(await feedOf(cluster, { sets })).toBe('simulated, idle token')
      expect(obstacleError((await prepared(cluster, { ...TOKEN, sets })).plan)).toBeNull()
    }
  })
})
