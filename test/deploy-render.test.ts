import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'

import { rendered } from './manifests/combinations.ts'
import { stockpipe, temporaryFolder } from './binary.ts'
import { toYaml } from '../src/deploy/yaml.ts'

setDefaultTimeout(60_000)

/** Nowhere is a cluster: neither a kubeconfig nor a home to find one in. */
const NOWHERE = { HOME: '/nonexistent', KUBECONFIG: '/nonexistent/config' }

describe('deploy render of the executable', () => {
  test('needs no cluster, and prints what the source renders', async () => {
    const { code, stdout, stderr } = await stockpipe(['deploy', 'render', '--profile', 'eks'], NOWHERE)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(toYaml(rendered({ profile: 'eks' })))
  })

  test('takes files and single values', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'values.yaml')
    await Bun.write(file, 'kafka: {storage: 20Gi}\nui: none\n')
    const words = ['deploy', 'render', '-n', 'market', '-f', file, '--set', 'kafka.heap=300m', '-o', 'json']
    const { code, stdout } = await stockpipe(words, NOWHERE)
    const sets = ['kafka.storage=20Gi', 'ui=none', 'kafka.heap=300m']
    expect([code, (JSON.parse(stdout) as { items: unknown }).items]).toEqual([
      0,
      rendered({ namespace: 'market', sets }),
    ])
  })

  test('refuses values that it does not know, with the nearest one and exit code 2', async () => {
    const { code, stdout, stderr } = await stockpipe(['deploy', 'render', '--set', 'kafka.replcas=3'], NOWHERE)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('there is no value kafka.replcas')
    expect(stderr).toContain('did you mean kafka.replicas?')
  })
})
