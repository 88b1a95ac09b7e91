/** What goes wrong on a real Kubernetes: what the executable says, and that the next run finishes what this one began. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { BINARY, finished, said, start as startBinary, temporaryFolder } from './binary.ts'
import { authorityOf } from '../src/deploy/cluster/certificates.fixture.ts'
import type { ApiObject } from './cluster/api.ts'
import { COREDNS_IMAGE } from './cluster/build.ts'
import { useCluster } from './cluster/shared.ts'
import { STAND_INS, standInFiles } from './cluster/stand-ins.ts'
import { until } from './until.ts'

const LIMIT_MS = 120_000
const real = await useCluster()
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

/** On no node: it is objects that are looked at, and other tests need the machine. */
const NOWHERE = ['--set', 'nodeSelector.nowhere=yes']

if (real !== null) {
  const { kubeconfig, api, context } = real

  const start = (words: readonly string[], env: Record<string, string> = { KUBECONFIG: kubeconfig }) =>
    startBinary(['deploy', ...words], { HOME: folder.path, ...env }, folder.path)
  const stockpipe = async (words: readonly string[], env?: Record<string, string>) =>
    said(await finished(start(words, env)))

  const inSpace = (space: string, kind: string, name: string, rest: object = {}): ApiObject => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: space },
    ...rest,
  })
  const spaceOf = (name: string): ApiObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  const used: string[] = []
  /** A namespace of the test's own. */
  function unused(): string {
    const name = `failures-${crypto.randomUUID().slice(0, 8)}`
    used.push(name)
    return name
  }
  afterAll(async () => {
    for (const name of used) await api.delete(spaceOf(name)).catch(() => undefined)
  })

  const isThere = async (path: string): Promise<boolean> => (await api.fetch(path)).ok
  const inventory = (space: string) => `/api/v1/namespaces/${space}/configmaps/stockpipe-inventory`

  /** Applies without waiting until all is as it should be: after a failure, one run must be enough. */
  async function finishes(space: string, words: readonly string[] = []): Promise<void> {
    const all = ['apply', '--yes', '--no-wait', '-n', space, ...words]
    expect(await stockpipe(all)).toMatchObject({ code: 0, err: '' })
    expect((await stockpipe(all)).out).toContain('nothing to change')
    const { data } = await api.get<{ data: { state: string } }>(inventory(space))
    expect(data.state).toBe('applied')
  }

  describe('the cluster', () => {
    const written = async (name: string, change: (text: string) => string): Promise<string> => {
      const file = join(folder.path, name)
      await Bun.write(file, change(readFileSync(kubeconfig, 'utf8')))
      return file
    }
    const otherServer = (name: string, server: string) =>
      written(name, (text) => text.replace(/server: .*/, `server: ${server}`))

    test(
      'that does not run is told with its address and what to do, whatever is asked of it',
      async () => {
        const config = await otherServer('stopped.yaml', 'https://127.0.0.1:1')
        const asked = [['check'], ['diff'], ['apply', '--yes'], ['status'], ['uninstall', '--yes'], ['--yes']]
        const ran = await Promise.all(asked.map((words) => stockpipe([...words, '--kubeconfig', config])))
        for (const { err } of ran) {
          expect(err).toContain('at https://127.0.0.1:1')
          expect(err).toContain('nothing listens there')
          expect(err).toContain('see that the cluster runs')
        }
        // 2 is what a diff that failed ends with: 1 means that there is a difference.
        expect(ran.map(({ code }) => code)).toEqual([1, 2, 1, 1, 1, 1])
      },
      LIMIT_MS,
    )

    test('whose name nobody knows is told by that name', async () => {
      const config = await otherServer('unknown.yaml', 'https://no.such.host.invalid:6443')
      const { code, err } = await stockpipe(['apply', '--yes', '--kubeconfig', config])
      expect([code, err]).toEqual([1, expect.stringContaining('no.such.host.invalid cannot be found')])
    })

    test('that no kubeconfig names is asked for, with the commands that write one', async () => {
      const { code, err } = await stockpipe(['apply', '--yes'], {})
      expect(code).toBe(2)
      expect(err).toContain('no ~/.kube/config')
      expect(err).toContain('minikube start')
      expect(err).toContain('aws eks update-kubeconfig')
    })

    test('that a context does not name is refused with the contexts there are', async () => {
      const { code, err } = await stockpipe(['status', '--context', 'elsewhere'])
      expect([code, err]).toEqual([2, expect.stringContaining('there is no context "elsewhere"')])
      expect(err).toContain(`there are: ${context}`)
    })

    test('that does not know the token says so, and how to log in again', async () => {
      const config = await written('token.yaml', (text) => {
        const parsed = Bun.YAML.parse(text) as { users: { user: object }[] }
        for (const entry of parsed.users) entry.user = { token: 'no-token-of-this-cluster' }
        return JSON.stringify(parsed)
      })
      const { code, err } = await stockpipe(['apply', '--yes', '--kubeconfig', config])
      expect(code).toBeGreaterThan(0)
      expect(err).toContain('answered 401')
      expect(err).toContain('log in again')
      expect(err).not.toContain('no-token-of-this-cluster')
    })

    test('that does not take a certificate any more says when it expired', async () => {
      const pki = (name: string) => readFileSync(join(real.root, 'pki', name), 'utf8')
      const authority = await authorityOf({ cert: pki('ca.crt'), key: pki('ca.key') })
      const as = (dates: { from: Date; until: Date }) =>
        authority.issue({ subject: 'CN=someone, O=system:masters', ...dates })
      const config = async (name: string, { cert, key }: { cert: string; key: string }) =>
        await written(name, (text) => {
          const parsed = Bun.YAML.parse(text) as { users: { user: object }[] }
          const base64 = (pem: string) => Buffer.from(pem).toString('base64')
          for (const entry of parsed.users)
            entry.user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) }
          return JSON.stringify(parsed)
        })
      const day = (text: string) => new Date(`${text}T00:00:00Z`)
      const late = await as({ from: day('2025-01-01'), until: day('2026-01-02') })
      const { code, err } = await stockpipe(['apply', '--yes', '--kubeconfig', await config('late.json', late)])
      expect(code).toBeGreaterThan(0)
      expect(err).toContain('expired on 2026-01-02 00:00:00 UTC')
      // Else it could be the signature that the server does not take.
      const valid = await as({ from: day('2025-01-01'), until: day('2099-01-01') })
      const words = ['check', '-n', unused(), '--kubeconfig', await config('valid.json', valid)]
      expect((await stockpipe(words)).out).toMatch(/^ok {4}rights/m)
    })

    test(
      'may have another name for the same one, but an inventory of another cluster is not touched',
      async () => {
        const space = unused()
        await finishes(space, NOWHERE)
        const renamed = await written('renamed.yaml', (text) => text.replaceAll(context, 'another-name'))
        const same = await stockpipe(['apply', '--yes', '--no-wait', '-n', space, '--kubeconfig', renamed])
        expect([same.code, same.out]).toEqual([0, expect.stringContaining('nothing to change')])
        expect(same.out).toContain('another-name (')

        const foreign = { data: { cluster: '00000000-0000-0000-0000-000000000000' } }
        await api.apply(inSpace(space, 'ConfigMap', 'stockpipe-inventory', foreign))
        const words = ['apply', '--yes', '--no-wait', '-n', space, '--set', 'ui=none']
        const refused = await stockpipe(words)
        expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('was applied to another cluster')])
        expect(refused.err).toContain('00000000-0000-0000-0000-000000000000')
        expect(await isThere(`/apis/apps/v1/namespaces/${space}/deployments/kafka-ui`)).toBe(true)
        // As the message says, for data that was moved on purpose.
        await api.delete(inSpace(space, 'ConfigMap', 'stockpipe-inventory'))
        await finishes(space, NOWHERE)
      },
      LIMIT_MS,
    )
  })

  describe('an object', () => {
    test(
      'with a field of another manager is left alone, field and manager are named, and --force-conflicts takes it',
      async () => {
        const space = unused()
        await finishes(space, NOWHERE)
        const path = `/apis/apps/v1/namespaces/${space}/deployments/stockpipe-api`
        const body = {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'stockpipe-api', namespace: space },
          spec: { replicas: 3 },
        }
        const asGardener = `${path}?fieldManager=gardener&force=true`
        await api.get(asGardener, { method: 'PATCH', body, type: 'application/apply-patch+yaml' })
        const words = ['apply', '--yes', '--no-wait', '-n', space, '--set', 'ui=none', ...NOWHERE]
        const refused = await stockpipe(words)
        expect(refused.code).toBe(1)
        expect(refused.err).toContain('.spec.replicas (gardener)')
        expect(refused.err).toContain('--force-conflicts')
        // What has no conflict is not changed either.
        expect(await isThere(`/apis/apps/v1/namespaces/${space}/deployments/kafka-ui`)).toBe(true)
        expect(await stockpipe([...words, '--force-conflicts'])).toMatchObject({ code: 0 })
        expect(await api.get<{ spec: object }>(path)).toMatchObject({ spec: { replicas: 1 } })
        expect((await stockpipe(words)).out).toContain('nothing to change')
      },
      LIMIT_MS,
    )

    test(
      'that holds data in several servers is not given another number of them',
      async () => {
        const space = unused()
        const apply = ['apply', '--yes', '--no-wait', '-n', space, ...NOWHERE]
        await finishes(space, [...NOWHERE, '--set', 'cassandra.replicas=2'])
        const fewer = await stockpipe([...apply, '--set', 'cassandra.replicas=1'])
        expect(fewer.code).toBe(1)
        expect(fewer.err).toContain('Cassandra cannot go from 2 to 1 nodes')
        expect(fewer.err).toContain('nodetool decommission')
        const more = await stockpipe([...apply, '--set', 'cassandra.replicas=2', '--set', 'kafka.replicas=3'])
        expect(more.code).toBe(1)
        expect(more.err).toContain('Kafka cannot go from 1 to 3 brokers')
        expect(more.err).toContain('keep kafka.replicas=1')
        await finishes(space, [...NOWHERE, '--set', 'cassandra.replicas=2'])
      },
      LIMIT_MS,
    )
  })

  describe.concurrent('a wait', () => {
    beforeAll(async () => {
      for (const file of await standInFiles(['kafka-ui'])) await real.loadImage(file)
    }, LIMIT_MS)

    const wait = (space: string, seconds: number, sets: readonly string[] = []) =>
      stockpipe(['apply', '--yes', '-n', space, '--timeout', `${seconds}s`, ...sets])

    test.each<[string, number, string[], string[]]>([
      [
        'for a node that is not there',
        20,
        NOWHERE,
        ['StatefulSet kafka', 'FailedScheduling', 'stockpipe deploy check'],
      ],
      [
        'for an image that nobody has',
        90,
        ['--set', 'registry=nowhere.invalid'],
        // A node pulls one after the other, and looks for a name for as long as it likes: whichever it gives up first.
        ['does not come up', 'nowhere.invalid/', 'bring the image to the nodes'],
      ],
      [
        'for a program that ends again and again',
        170,
        // A server of names that may not listen, and an image without Cassandra's files.
        ['--set', `images.kafka=${COREDNS_IMAGE}`, '--set', `images.cassandra=${STAND_INS['kafka-ui']}`],
        ['does not come up', ' times, ', 'it said: ', 'try: read what it says: stockpipe deploy logs'],
      ],
    ])(
      '%s ends with the reason and what to do, and the next run goes on',
      async (_, seconds, sets, said) => {
        const space = unused()
        const { code, err } = await wait(space, seconds, sets)
        expect(code).toBe(1)
        for (const words of said) expect(err).toContain(words)
        await finishes(space, NOWHERE)
      },
      LIMIT_MS * 2,
    )

    test(
      'for a StorageClass that is not there names it, after check did',
      async () => {
        const space = unused()
        const sets = ['--set', 'storageClass=nowhere']
        const check = await stockpipe(['check', '-n', space, ...sets])
        expect(check.code).toBe(1)
        expect(check.out).toContain('no StorageClass nowhere; there are')
        expect(check.out).toContain('try: --set storageClass=')
        const { code, err } = await wait(space, 15, sets)
        expect(code).toBe(1)
        expect(err).toContain('storageclass.storage.k8s.io "nowhere" not found')
        expect(err).toContain('stockpipe deploy uninstall --delete-data')
        // As it says: nothing else helps a claim.
        const other = await stockpipe(['apply', '--yes', '--no-wait', '-n', space, '--set', 'ui=none'])
        expect([other.code, other.err]).toEqual([1, expect.stringContaining('spec.volumeClaimTemplates')])
        expect(other.err).toContain('the claims that exist keep their size and class')
        const child = Bun.spawn([BINARY, 'deploy', 'uninstall', '--delete-data', '-n', space], {
          env: { PATH: process.env['PATH'] ?? '', HOME: folder.path, KUBECONFIG: kubeconfig },
          stdin: Buffer.from(`${space}\n`),
          stdout: 'pipe',
          stderr: 'pipe',
        })
        expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, ''])
        await finishes(space, NOWHERE)
      },
      LIMIT_MS,
    )

    test(
      'for room in a quota names the quota, after check did',
      async () => {
        const space = unused()
        const quota = inSpace(space, 'ResourceQuota', 'narrow', { spec: { hard: { 'requests.cpu': '1m' } } })
        await api.apply(spaceOf(space), quota)
        const check = await stockpipe(['check', '-n', space])
        expect([check.code, check.out]).toEqual([1, expect.stringMatching(/^fail {2}quota +too small: narrow/m)])
        const { code, err } = await wait(space, 15)
        expect(code).toBe(1)
        expect(err).toContain('exceeded quota: narrow')
        expect(err).toContain('mend what the message names (quota')
        await api.delete(quota)
        await finishes(space, NOWHERE)
      },
      LIMIT_MS,
    )

    test(
      'that is interrupted ends at once, and the next run goes on',
      async () => {
        const space = unused()
        const child = start(['apply', '--yes', '-n', space, ...NOWHERE])
        const set = `/apis/apps/v1/namespaces/${space}/statefulsets/cassandra`
        await until(
          () => isThere(set),
          (is) => is,
        )
        child.kill('SIGINT')
        const [code, err] = [await child.exited, await new Response(child.stderr).text()]
        expect(code).toBe(1)
        expect(err).toContain('interrupted')
        expect(err).toContain('run the same command again')
        expect(await isThere(`/apis/apps/v1/namespaces/${space}/deployments/stockpipe-api`)).toBe(false)
        await finishes(space, NOWHERE)
      },
      LIMIT_MS,
    )
  })

  test(
    'an object that a quota leaves no room for stops an apply before anything is written',
    async () => {
      const space = unused()
      const quota = inSpace(space, 'ResourceQuota', 'few', { spec: { hard: { 'count/statefulsets.apps': '0' } } })
      await api.apply(spaceOf(space), quota)
      await until(
        () => api.get<{ status?: { hard?: object } }>(`/api/v1/namespaces/${space}/resourcequotas/few`),
        ({ status }) => status?.hard !== undefined,
      )
      const { code, err } = await stockpipe(['apply', '--yes', '--no-wait', '-n', space, ...NOWHERE])
      expect(code).toBe(1)
      expect(err).toContain('ResourceQuota few of the namespace is full')
      expect(await isThere(inventory(space))).toBe(false)
      await api.delete(quota)
      await finishes(space, NOWHERE)
    },
    LIMIT_MS,
  )
}
