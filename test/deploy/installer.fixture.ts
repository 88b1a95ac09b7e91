/** An account that may do what `stockpipe deploy check --roles` prints, and nothing else. */
import { join } from 'node:path'
import { readFileSync } from 'node:fs'

import { openKubernetes } from '../../src/deploy/cluster/kubernetes.ts'
import type { KubeObject } from '../../src/deploy/object.ts'
import { parseDocuments } from '../../src/deploy/yaml.ts'
import { said, stockpipe } from '../binary.ts'
import type { Cluster } from '../cluster/cluster.ts'

const GROUP = 'rbac.authorization.k8s.io'

export interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
  resourceNames?: string[]
}
export type Role = KubeObject & { rules: Rule[] }

export interface Account {
  /** What it may do something in. */
  namespace: string
  /** Where it is; by default in that namespace. */
  home?: string
  roles: readonly Role[]
}

/** Makes such accounts as the cluster's administrator. Their kubeconfigs go into `folder`. */
export class Installers {
  readonly admin
  private readonly cluster: Cluster
  private readonly folder: string

  constructor(cluster: Cluster, folder: string) {
    this.cluster = cluster
    this.folder = folder
    this.admin = openKubernetes({ kubeconfig: cluster.kubeconfig, context: null, announce: () => undefined })
  }

  apply(object: KubeObject): Promise<unknown> {
    return this.admin.apply(object, { dryRun: false, force: true })
  }

  /** As printed, under a name of its own: roles of the whole cluster are seen by every test. */
  async printedRoles(namespace: string, ...more: string[]): Promise<Role[]> {
    const words = ['deploy', 'check', '--roles', '-n', namespace, '--kubeconfig', this.cluster.kubeconfig, ...more]
    const { code, out, err } = said(await stockpipe(words, { HOME: this.folder }, this.folder))
    if (code !== 0) throw new Error(err)
    return (parseDocuments(out, 'the roles') as Role[]).map((role) => ({
      ...role,
      metadata: { ...role.metadata, name: `${role.metadata.name}-${namespace}` },
    }))
  }

  /** Resolves to a kubeconfig that holds a token, as a pipeline's would. */
  async make({ namespace, home = namespace, roles }: Account): Promise<string> {
    for (const name of new Set([namespace, home]))
      await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    await this.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'installer', namespace: home } })
    for (const role of roles) await this.apply(role)
    for (const { kind, metadata } of roles)
      await this.apply({
        apiVersion: `${GROUP}/v1`,
        kind: `${kind}Binding`,
        metadata: { name: metadata.name, ...(kind === 'Role' ? { namespace } : {}) },
        roleRef: { apiGroup: GROUP, kind, name: metadata.name },
        subjects: [{ kind: 'ServiceAccount', name: 'installer', namespace: home }],
      })
    const path = `/api/v1/namespaces/${home}/serviceaccounts/installer/token`
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
    const { status } = await this.cluster.api.get<{ status: { token: string } }>(path, { method: 'POST', body })
    return this.loginWith(namespace, status.token)
  }

  private async loginWith(name: string, token: string): Promise<string> {
    const config = Bun.YAML.parse(readFileSync(this.cluster.kubeconfig, 'utf8')) as { users: { user: object }[] }
    for (const entry of config.users) entry.user = { token }
    const file = join(this.folder, `${name}.json`)
    await Bun.write(file, JSON.stringify(config))
    return file
  }

  /** Takes away what was made for it, and all that is in its namespaces. */
  async remove({ namespace, home = namespace, roles }: Account): Promise<void> {
    for (const { kind, metadata } of roles.filter(({ kind }) => kind === 'ClusterRole'))
      for (const made of [kind, `${kind}Binding`])
        await this.admin.remove({ apiVersion: `${GROUP}/v1`, kind: made, name: metadata.name, namespace: null })
    for (const name of new Set([namespace, home]))
      await this.admin.remove({ apiVersion: 'v1', kind: 'Namespace', name, namespace: null })
  }
}
