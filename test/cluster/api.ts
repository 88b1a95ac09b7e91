/** The API of a cluster for tests, as HTTP, with the login of its kubeconfig. */
import { readFileSync } from 'node:fs'

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[]
}

/** What of an object everything has. */
export interface ApiObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; [more: string]: unknown }
  [more: string]: unknown
}

export interface ApiRequest {
  method?: string
  body?: unknown
  /** `application/json` by default. */
  type?: string
}

export class Api {
  readonly #server: string
  readonly #tls: { ca: string; cert: string; key: string }

  constructor(kubeconfig: string) {
    const config = Bun.YAML.parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
    const [cluster, user] = [config.clusters[0]?.cluster, config.users[0]?.user]
    if (cluster === undefined || user === undefined) throw new Error(`${kubeconfig} is no kubeconfig`)
    const plain = (text: string) => Buffer.from(text, 'base64').toString()
    this.#server = cluster.server
    this.#tls = {
      ca: plain(cluster['certificate-authority-data']),
      cert: plain(user['client-certificate-data']),
      key: plain(user['client-key-data']),
    }
  }

  /** The answer, whatever its status. */
  async fetch(path: string, { method = 'GET', body, type = 'application/json' }: ApiRequest = {}): Promise<Response> {
    const text = body === undefined ? null : JSON.stringify(body)
    const headers = { 'content-type': type }
    return await fetch(`${this.#server}${path}`, { method, headers, body: text, tls: this.#tls, keepalive: false })
  }

  /** The object of an answer that is well, or an error with the words of the server. */
  async get<Answer = ApiObject>(path: string, request?: ApiRequest): Promise<Answer> {
    const response = await this.fetch(path, request)
    const text = await response.text()
    if (!response.ok) throw new Error(`${request?.method ?? 'GET'} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as Answer
  }

  async text(path: string): Promise<string> {
    const response = await this.fetch(path)
    return await response.text()
  }

  /** Server-side apply. */
  async apply(...objects: readonly ApiObject[]): Promise<void> {
    for (const object of objects) {
      const path = `${pathOf(object)}?fieldManager=tests&force=true`
      await this.get(path, { method: 'PATCH', body: object, type: 'application/apply-patch+yaml' })
    }
  }

  async delete(object: ApiObject): Promise<void> {
    await this.get(pathOf(object), { method: 'DELETE' })
  }
}

const WITHOUT_NAMESPACE = ['Namespace', 'StorageClass', 'ClusterRole', 'ClusterRoleBinding', 'PersistentVolume']
const UNUSUAL_PLURALS: Readonly<Record<string, string>> = {
  StorageClass: 'storageclasses',
  NetworkPolicy: 'networkpolicies',
}

/** Where the object is. For the kinds that tests have: others need discovery. */
export function pathOf({ apiVersion, kind, metadata }: ApiObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const plural = UNUSUAL_PLURALS[kind] ?? `${kind.toLowerCase()}s`
  const space = WITHOUT_NAMESPACE.includes(kind) ? '' : `/namespaces/${metadata.namespace ?? 'default'}`
  return `${root}${space}/${plural}/${metadata.name}`
}
