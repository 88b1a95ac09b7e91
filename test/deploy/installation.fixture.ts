/** An installation on the cluster of the tests, driven by the executable as a person would. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { BINARY, ROOT } from '../binary.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ApiObject } from '../cluster/api.ts'
import { standInFiles } from '../cluster/stand-ins.ts'
import { until } from '../until.ts'
import { type Account, Installers } from './installer.fixture.ts'

export interface Ran {
  code: number
  out: string
  err: string
}

export interface PodObject extends ApiObject {
  status?: {
    phase?: string
    conditions?: { type: string; status: string }[]
    containerStatuses?: { name: string; containerID?: string; restartCount: number; image: string }[]
  }
  metadata: ApiObject['metadata'] & { uid?: string; deletionTimestamp?: string; resourceVersion?: string }
}

/** Which pods are of a part, by labels. */
export const COMPONENTS = {
  kafka: 'app.kubernetes.io/name=kafka',
  cassandra: 'app.kubernetes.io/name=cassandra',
  producer: 'app.kubernetes.io/component=producer',
  processor: 'app.kubernetes.io/component=processor',
  api: 'app.kubernetes.io/component=api',
  grafana: 'app.kubernetes.io/name=grafana',
  'kafka-ui': 'app.kubernetes.io/name=kafka-ui',
} as const
export type Component = keyof typeof COMPONENTS

/** The image of the executable, and the same source built as another commit. */
export const NEXT_IMAGE = 'stockpipe:next-commit'
export const NEXT_COMMIT = 'next-commit'

export class Installation {
  readonly namespace = `deploy-${process.pid}`
  readonly folder = mkdtempSync(join(tmpdir(), 'stockpipe-deploy-'))
  readonly cluster: Cluster
  private readonly installers: Installers
  private account: Account | null = null
  private kubeconfig: string
  /** How long each step took, for people. */
  readonly figures: string[] = []

  constructor(cluster: Cluster) {
    this.cluster = cluster
    this.kubeconfig = cluster.kubeconfig
    this.installers = new Installers(cluster, this.folder)
  }

  /** From here on by an account that may do what `deploy check --roles` prints, and nothing else. */
  async asInstaller(): Promise<void> {
    const { namespace, installers } = this
    // Its home outlives the namespace, as that of a person does.
    const account = { namespace, home: `${namespace}-installer`, roles: await installers.printedRoles(namespace) }
    this.account = account
    this.kubeconfig = await installers.make(account)
  }

  get place(): string[] {
    return ['--kubeconfig', this.kubeconfig, '--context', this.cluster.context, '-n', this.namespace]
  }

  async loadImages(): Promise<void> {
    for (const file of await standInFiles()) await this.cluster.loadImage(file)
    const own = join(this.folder, 'own.tar')
    const written = await this.deploy(['image', '--out', own], { isPlaced: false })
    if (written.code !== 0) throw new Error(written.err)
    await this.cluster.loadImage(own)
    await this.cluster.loadImage(await this.nextImage())
  }

  private async nextImage(): Promise<string> {
    const file = join(this.folder, 'next.tar')
    const words = ['--image', file, '--image-tag', NEXT_IMAGE, '--outdir', join(this.folder, 'next')]
    const child = Bun.spawn(['bun', join(ROOT, 'build.ts'), ...words], {
      cwd: ROOT,
      env: { ...process.env, STOCKPIPE_COMMIT: NEXT_COMMIT },
      stdout: 'ignore',
      stderr: 'pipe',
    })
    if ((await child.exited) !== 0 || !existsSync(file)) throw new Error(await new Response(child.stderr).text())
    return file
  }

  start(words: readonly string[], { isPlaced = true }: { isPlaced?: boolean } = {}) {
    return Bun.spawn([BINARY, 'deploy', ...words, ...(isPlaced ? this.place : [])], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: this.folder, TMPDIR: this.folder },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
  }

  async deploy(words: readonly string[], how: { isPlaced?: boolean } = {}): Promise<Ran> {
    const from = performance.now()
    const child = this.start(words, how)
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    this.figure(`deploy ${words.join(' ')}`, from)
    return { out, err, code }
  }

  /** At a terminal, where somebody types the words at the question; resolves to what was shown. Throws unless it went well. */
  async typed(words: readonly string[], answer: string): Promise<string> {
    let out = ''
    let isAnswered = false
    const child = Bun.spawn([BINARY, 'deploy', ...words, ...this.place], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: this.folder, TERM: 'xterm' },
      terminal: {
        cols: 200,
        rows: 50,
        data(terminal, bytes) {
          out += Buffer.from(bytes).toString()
          if (isAnswered || !out.includes('Type the namespace')) return
          isAnswered = true
          terminal.write(`${answer}\r`)
        },
      },
    })
    const code = await child.exited
    child.terminal?.close()
    if (code !== 0) throw new Error(`deploy ${words.join(' ')} ended with ${code}\n${out}`)
    return out
  }

  figure(name: string, from: number): void {
    this.figures.push(`${((performance.now() - from) / 1000).toFixed(1).padStart(7)} s  ${name}`)
  }

  list<Item = PodObject>(path: string, selector = ''): Promise<Item[]> {
    const query = selector === '' ? '' : `?labelSelector=${encodeURIComponent(selector)}`
    const root = path.includes('/') ? `/apis/${path.slice(0, path.lastIndexOf('/'))}` : '/api/v1'
    const kind = path.slice(path.lastIndexOf('/') + 1)
    return this.cluster.api
      .get<{ items: Item[] }>(`${root}/namespaces/${this.namespace}/${kind}${query}`)
      .then(({ items }) => items)
  }

  pods(component: Component): Promise<PodObject[]> {
    return this.list('pods', COMPONENTS[component])
  }

  async pod(component: Component): Promise<PodObject> {
    const [pod] = await this.pods(component)
    if (pod === undefined) throw new Error(`no pod of ${component}`)
    return pod
  }

  /** As when its node is gone: nothing in it is told. */
  async deletePod(component: Component): Promise<string> {
    const { metadata } = await this.pod(component)
    const path = `/api/v1/namespaces/${this.namespace}/pods/${metadata.name}?gracePeriodSeconds=0`
    await this.cluster.api.get(path, { method: 'DELETE' })
    return metadata.uid ?? ''
  }

  /** The process in the container, by SIGKILL; the pod stays, and starts it again. */
  async killContainer(component: Component): Promise<void> {
    const { metadata, status } = await this.pod(component)
    const [container] = status?.containerStatuses ?? []
    const id = container?.containerID?.replace('containerd://', '')
    if (container === undefined || id === undefined) throw new Error(`${component} has no container`)
    const address = ['--address', join(this.cluster.root, 'containerd.sock'), '--namespace', 'k8s.io']
    const child = Bun.spawn(['ctr', ...address, 'tasks', 'kill', '--signal', 'SIGKILL', id], { stderr: 'pipe' })
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text())
    await until(
      () => this.pod(component),
      (pod) =>
        pod.metadata.name === metadata.name &&
        (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > container.restartCount,
    )
  }

  /** Until one is ready that is not the one of this uid, and none is on its way out. */
  async ready(component: Component, but = ''): Promise<void> {
    await until(
      async () => {
        await Bun.sleep(200)
        return await this.pods(component)
      },
      (pods) =>
        pods.length > 0 &&
        pods.every((pod) => isReady(pod) && pod.metadata.uid !== but && pod.metadata.deletionTimestamp === undefined),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.api.fetch(`/api/v1/namespaces/${this.namespace}`, { method: 'DELETE' })
    if (this.account !== null) await this.installers.remove(this.account)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export const isReady = ({ status }: PodObject): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
