/**
 * An installation from nothing to its end, on a real Kubernetes with the real Kafka and Cassandra, by the executable and
 * an account that has no other rights than those it asks for.
 * The tests are one story: each goes on where the one before it ended.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'

import { useCluster } from '../cluster/shared.ts'
import { freePorts } from '../services/ports.ts'
import { until } from '../until.ts'
import { type Component, Installation, NEXT_COMMIT, NEXT_IMAGE, type PodObject } from './installation.fixture.ts'
import { openApi, openPart, type OpenedApi, type Trade } from './opened.fixture.ts'

// For what hangs; a busy machine takes several times what it does alone.
setDefaultTimeout(10 * 60_000)

const CLUSTER = await useCluster()
const PROFILE = ['--profile', 'minikube']
const ABSENT_IMAGE = 'stockpipe:never-built'
/** Everything of an installation whose version only a writer changes. */
const STILL_KINDS = ['configmaps', 'secrets', 'services', 'serviceaccounts', 'networking.k8s.io/v1/networkpolicies']
/** Of these a status changes, too. */
const LIVELY_KINDS = ['apps/v1/deployments', 'apps/v1/statefulsets', 'batch/v1/jobs']

interface Managed extends PodObject {
  metadata: PodObject['metadata'] & { generation?: number; managedFields?: { manager?: string; time?: string }[] }
}

// No cluster: test/cluster says so, and fails where CI is set.
describe.skipIf(CLUSTER === null)('on a real cluster', () => {
  let installation: Installation
  let api: OpenedApi
  let old: Trade[] = []
  /** When the producer was away, as far as we took it away. */
  const absences: { from: number; to: number }[] = []

  beforeAll(async () => {
    if (CLUSTER === null) throw new Error('skipped without a cluster')
    const from = performance.now()
    installation = new Installation(CLUSTER)
    await installation.loadImages()
    await installation.asInstaller()
    installation.figure('images into the node', from)
  })
  afterAll(async () => {
    await api?.[Symbol.asyncDispose]()
    await installation?.[Symbol.asyncDispose]()
    console.log(installation?.figures.join('\n'))
  })

  const run = async (words: readonly string[], wanted = 0) => {
    const ran = await installation.deploy(words)
    if (ran.code !== wanted) throw new Error(`deploy ${words.join(' ')} ended with ${ran.code}\n${ran.out}${ran.err}`)
    return ran
  }
  const verified = async () => expect((await run(['verify'])).out).toContain('no differences')
  const generations = async (component: Component) =>
    (await installation.pods(component)).map(({ metadata }) => metadata.uid).sort()

  /** What a write would change, of each object. */
  async function versions(): Promise<string[]> {
    const still = await Promise.all(STILL_KINDS.map((kind) => installation.list<Managed>(kind)))
    const lively = await Promise.all(LIVELY_KINDS.map((kind) => installation.list<Managed>(kind)))
    const byUs = ({ metadata }: Managed) => metadata.managedFields?.find(({ manager }) => manager === 'stockpipe')?.time
    return [
      ...still.flat().map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`),
      ...lively.flat().map((it) => `${it.metadata.name} ${it.metadata.uid} ${it.metadata.generation} ${byUs(it)}`),
    ]
  }

  /** A simulated market is sent again from where the log ends, so that an absence leaves no gap, and no hole. */
  async function nothingIsMissing(): Promise<void> {
    expect(await api.gaps()).toEqual([])
    const [trade] = old
    for (const { from, to } of absences) expect(await api.tradesOf(trade?.symbol ?? '', { from, to })).not.toEqual([])
  }

  test('installs from nothing, after an interruption: Ctrl-C says how to go on, and the next run does', async () => {
    const from = performance.now()
    const cut = installation.start(['--yes', ...PROFILE])
    await until(
      () => installation.cluster.api.fetch(`/apis/apps/v1/namespaces/${installation.namespace}/statefulsets/kafka`),
      ({ ok }) => ok,
    )
    cut.kill('SIGINT')
    const [said, code] = [await new Response(cut.stderr).text(), await cut.exited]
    expect(said).toContain('error: interrupted')
    expect(said).toContain('run the same command again')
    expect(code).toBe(1)
    expect(await installation.list('apps/v1/deployments')).toEqual([])

    const { out } = await run(['--yes', ...PROFILE])
    installation.figure('from nothing to tested, with the interruption', from)
    expect(out).toContain('the last run did not end')
    expect(out).toContain('simulated trades')
    expect(out).toContain('it works: stockpipe deploy open api')
    expect(out).not.toMatch(/^fail/m)
    for (const stage of ['log', 'trades', 'candles', 'api trades', 'api candles', 'copies'])
      expect(out).toContain(`ok    trades: ${stage} `)
    expect(out).toMatch(/ok {4}grafana datasource stockpipe-cassandra/)
    expect(out).toMatch(/ok {4}grafana query stockpipe: Market \/ Price A .* [1-9]\d* rows/)
    expect(out).toMatch(/ok {4}grafana query stockpipe: Market by HTTP/)
    expect(out).toMatch(/skip {2}grafana dashboard stockpipe: Pipeline .*monitoring\.prometheusUrl/)
  })

  test('verify finds every row as it should be, and status and logs tell of each part', async () => {
    await verified()
    const status = await run(['status'])
    for (const part of ['kafka', 'cassandra', 'producer', 'processor', 'api', 'grafana', 'kafka-ui'])
      expect(status.out).toMatch(new RegExp(`^ok +\\S+ \\S*${part}`, 'm'))
    expect(status.out).toMatch(/newest trade: \d+(\.\d+)? s old/)
    const logs = await run(['logs', 'processor', '--tail', '20'])
    expect(logs.out).toContain('stockpipe-processor-')
    expect(logs.out).not.toContain('stockpipe-api-')
    const following = installation.start(['logs', 'processor', '-f'])
    let followed = ''
    for await (const bytes of following.stdout) {
      followed += Buffer.from(bytes).toString()
      if (followed.includes('stockpipe-processor-')) break
    }
    following.kill('SIGINT')
    await following.exited
    expect(followed).toContain('stockpipe-processor-')
  })

  test('a second run writes nothing, and diff finds nothing', async () => {
    const before = await versions()
    expect((await run(['apply', '--yes'])).out).toContain('nothing to change')
    const { out } = await run(['--yes'])
    expect(out).toContain('nothing to change')
    expect(out).toMatch(/^skip {2}trades {2}none sent, .*: stockpipe deploy test sends trades through$/m)
    expect(out).toContain('it works: stockpipe deploy open api')
    expect((await run(['diff'])).out).toMatch(/^\d+ unchanged\n$/)
    expect(await versions()).toEqual(before)
    expect(before.length).toBeGreaterThan(40)
  })

  test('a bundle holds objects, logs and figures, and no value of a Secret', async () => {
    const file = join(installation.folder, 'bundle.tgz')
    await run(['bundle', '--out', file])
    const files = await new Bun.Archive(await Bun.file(file).bytes()).files()
    const names = [...files.keys()]
    expect(names).toContain('objects/Secret.json')
    expect(names.some((name) => name.startsWith('logs/stockpipe-processor'))).toBe(true)
    expect(names.some((name) => name.startsWith('metrics/stockpipe-api'))).toBe(true)
    const text = (await Promise.all([...files.values()].map((one) => one.text()))).join('\n')
    const secrets = await installation.list<PodObject & { data?: Record<string, string> }>('secrets')
    const values = secrets
      .flatMap(({ data = {} }) => Object.entries(data))
      .filter(([key]) => key !== 'username')
      .flatMap(([, value]) => [value, Buffer.from(value, 'base64').toString()])
    expect(values.length).toBeGreaterThan(10)
    for (const value of values) expect(text.includes(value)).toBe(false)
  })

  test('open leads to the api, and stays open when its pod is replaced', async () => {
    api = await openApi(installation)
    old = await api.latest()
    expect(old.length).toBeGreaterThan(1)
    await api.flows()
    const uid = await installation.deletePod('api')
    await installation.ready('api', uid)
    await api.flows()
    expect(api.isRunning()).toBe(true)
  })

  async function suffer(component: Component): Promise<void> {
    const from = performance.now()
    const away = { from: Date.now(), to: 0 }
    await installation.killContainer(component)
    await installation.ready(component)
    if (component === 'producer') await api.flows()
    const uid = await installation.deletePod(component)
    await installation.ready(component, uid)
    await api.flows()
    away.to = Date.now()
    if (component === 'producer') absences.push(away)
    installation.figure(`${component} killed twice, until trades flow again`, from)
  }

  // No trade passes through those behind the comma.
  const KILLED = ['kafka, grafana', 'cassandra, kafka-ui', 'producer', 'processor', 'api'] as const
  test.each(KILLED)('%s may be killed, process and pod, while trades flow', async (names) => {
    await Promise.all(names.split(', ').map((name) => suffer(name as Component)))
  })

  test('after all the kills nothing differs, and the trades made while the producer was away are there', async () => {
    await verified()
    await nothingIsMissing()
    const report = join(installation.folder, 'report.xml')
    expect((await run(['test', '--junit', report])).out).toContain('passed')
    expect(await Bun.file(report).text()).toContain('<testsuite')
  })

  test('open leads to Grafana and to the Kafka UI, too', async () => {
    const [port = 0] = await freePorts(1)
    await using grafana = await openPart(installation, ['open', 'grafana', '--no-browser'])
    expect((await fetch(new URL('/api/health', grafana.url))).status).toBe(200)
    await using ui = await openPart(installation, ['open', 'kafka-ui', '--port', String(port), '--no-browser'])
    expect(ui.url).toContain(`:${port}`)
    expect((await fetch(new URL('/actuator/health', ui.url))).status).toBe(200)
  })

  /** The longest stretch in which the newest trade that the api knows did not change, while `work` is done (ms). */
  async function longestPause(work: () => Promise<unknown>): Promise<number> {
    const end = new AbortController()
    const watching = watchPause(end.signal)
    await work().finally(() => end.abort())
    return await watching
  }

  async function watchPause(signal: AbortSignal): Promise<number> {
    let longest = 0
    let [newest, since] = [0, performance.now()]
    while (!signal.aborted) {
      const answer = await api.ask<{ data: Trade[] }>('/v1/latest')
      const now = Math.max(0, ...(answer?.data ?? []).map(({ trade_ts }) => trade_ts))
      if (now > newest) [newest, since] = [now, performance.now()]
      longest = Math.max(longest, performance.now() - since)
      await Bun.sleep(50)
    }
    return Math.round(longest)
  }

  test('an upgrade to another image loses nothing, and so does the way back', async () => {
    const uids = await generations('processor')
    for (const [words, commit] of [
      [['--set', `images.stockpipe=${NEXT_IMAGE}`], NEXT_COMMIT],
      [['--set', 'images.stockpipe=stockpipe:0.1.0'], null],
    ] as const) {
      const away = { from: Date.now(), to: 0 }
      const pause = await longestPause(() => run(['apply', '--yes', ...words]))
      await api.flows()
      away.to = Date.now()
      absences.push(away)
      installation.figures.push(`${String(pause).padStart(7)} ms longest pause of trades in ${words.join(' ')}`)
      const said = await api.ask<{ commit: string }>('/statusz')
      if (commit === null) expect(said?.commit).not.toBe(NEXT_COMMIT)
      else expect(said?.commit).toBe(commit)
    }
    expect(await generations('processor')).not.toEqual(uids)
    await verified()
    await nothingIsMissing()
  })

  test('an image that is nowhere is told at once; those that run go on, and the next run mends it', async () => {
    const processors = await generations('processor')
    const failed = await run(['apply', '--yes', '--set', `images.cassandra=cassandra:never-built`], 1)
    expect(failed.err).toContain('StatefulSet cassandra does not come up')
    expect(failed.err).toMatch(/ErrImagePull|ImagePullBackOff/)
    expect(failed.err).toContain('try: bring the image to the nodes')
    expect(await generations('processor')).toEqual(processors)
    const mended = await run(['apply', '--yes', '--set', 'images.stockpipe=stockpipe:0.1.0'])
    expect(mended.err + mended.out).toMatch(/Pod \S+\/cassandra-0 .*: deleted, so that .* new one/)

    const api_ = await generations('api')
    const absent = await run(['apply', '--yes', '--set', `images.stockpipe=${ABSENT_IMAGE}`], 1)
    expect(absent.err).toContain('does not come up')
    expect(await generations('api')).toEqual(api_)
    await run(['apply', '--yes', '--set', 'images.stockpipe=stockpipe:0.1.0'])
    await api.flows()
    await verified()
  })

  test('a newer version is not replaced by this one', async () => {
    const path = `/api/v1/namespaces/${installation.namespace}/configmaps/stockpipe-inventory`
    const patch = (version: string) =>
      installation.cluster.api.get(path, {
        method: 'PATCH',
        type: 'application/merge-patch+json',
        body: { data: { version } },
      })
    await patch('99.0.0')
    const refused = await run(['apply', '--yes'], 2)
    expect(refused.err).toContain('was installed by stockpipe 99.0.0')
    expect((await run(['apply', '--yes', '--allow-downgrade'])).out).toContain('installed: 99.0.0')
    await patch('0.1.0')
  })

  test('uninstall keeps the data, and who installs again finds it', async () => {
    expect((await run(['uninstall', '--dry-run'])).out).toContain('StatefulSet')
    const gone = await run(['uninstall', '--yes'])
    for (const kept of ['Namespace', 'Secret', 'PersistentVolumeClaim'])
      expect(gone.out).toMatch(new RegExp(`^  ${kept} `, 'm'))
    for (const kind of [...LIVELY_KINDS, 'pods', 'services']) expect(await installation.list(kind)).toEqual([])
    await api[Symbol.asyncDispose]()
    const from = performance.now()
    await run(['apply', '--yes', ...PROFILE])
    installation.figure('installed again with the data', from)
    api = await openApi(installation)
    await api.flows()
    const [trade] = old
    if (trade === undefined) throw new Error('there were trades')
    const found = await api.tradesOf(trade.symbol, { from: trade.trade_ts, to: trade.trade_ts + 1 })
    expect(found).toContainEqual(expect.objectContaining({ trade_ts: trade.trade_ts, price: trade.price }))
    await verified()
  })

  test('data goes only when the namespace is typed, and then nothing stays', async () => {
    await api[Symbol.asyncDispose]()
    const refused = await run(['uninstall', '--delete-data', '--yes'], 2)
    expect(refused.err).toContain('the namespace was not typed')
    expect(await installation.list('persistentvolumeclaims')).toHaveLength(3)
    expect(await installation.typed(['uninstall', '--delete-data'], installation.namespace)).toContain('nothing stays')
    const there = await installation.cluster.api.fetch(`/api/v1/namespaces/${installation.namespace}`)
    expect(there.status).toBe(404)
  })
})
