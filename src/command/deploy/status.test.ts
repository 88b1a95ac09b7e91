import { expect, test } from 'bun:test'

import { canary } from '../../../test/canary.ts'
import { startFakeServer } from '../../deploy/cluster/server.fixture.ts'
import { Secrets } from '../../secrets.ts'
import { deployStatusCommand } from './status.ts'

const namespace = 'market'
const OURS = { 'app.kubernetes.io/part-of': 'stockpipe' }
const secret = (name: string, data: Record<string, string>, labels: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace, labels },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, btoa(value)])),
})

test.each(['json', 'yaml'] as const)('what is hidden of a status in %s leaves it whole', async (output) => {
  await using server = await startFakeServer()
  const reason = `no login with ${canary('writer')}`
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    secret('of-others', { ENABLED: 'true', DATABASE: namespace }, {}),
    secret('cassandra-writer', { password: canary('writer'), flag: 'true' }, OURS),
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'setup-schema', namespace, labels: OURS },
      status: { conditions: [{ type: 'Failed', status: 'True', message: reason }] },
    },
  ]
  for (const object of objects) server.api.set(object)
  let said = ''
  const code = await deployStatusCommand.run({
    values: { namespace, context: null, kubeconfig: await server.kubeconfig(), output, json: false },
    positional: null,
    print: (text) => Promise.resolve(void (said += String(text))),
    secrets: new Secrets(),
  })
  expect(code).toBe(1)
  const status: unknown = output === 'json' ? JSON.parse(said) : Bun.YAML.parse(said)
  expect(status).toMatchObject({
    namespace,
    isInstalled: true,
    workloads: [{ name: 'Job setup-schema', why: 'no login with ***' }],
  })
})
