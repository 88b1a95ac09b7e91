/** A cluster in memory, for tests of what is done with one. */
import { KubeConfig } from '@kubernetes/client-node'

import type { Cluster, ClusterSession, Right } from '../cluster.ts'
import { wordsOf, type ObjectRef } from '../object.ts'
import { FakeApi, KINDS, Refused } from './api.fixture.ts'
import { inWords } from './refusal.ts'
import { FIELD_MANAGER } from './manager.ts'

export interface MemoryCluster extends Cluster, Pick<ClusterSession, 'may'> {
  readonly api: FakeApi
  /** What may not be done. */
  readonly denied: Right[]
  uid: string
}

export function memoryCluster(context = 'memory'): MemoryCluster {
  const api = new FakeApi()
  const denied: Right[] = []
  const cluster: MemoryCluster = {
    api,
    denied,
    uid: 'uid-of-this-cluster',
    identity: () => Promise.resolve({ context, server: 'https://memory', uid: cluster.uid, version: '1.34.4' }),
    get: (ref) =>
      asked('read', ref, 'get', () => {
        try {
          return api.get(ref)
        } catch (error) {
          if (error instanceof Refused && error.status.code === 404) return null
          throw error
        }
      }),
    list: ({ apiVersion, kind, namespace, labels }) =>
      asked('list', { apiVersion, kind, name: '', namespace: namespace ?? null }, 'list', () =>
        api.list(kind, namespace ?? null, labels),
      ),
    apply: (object, options) => {
      const { apiVersion, kind, metadata } = object
      const ref = { apiVersion, kind, name: metadata.name, namespace: metadata.namespace ?? null }
      return asked('apply', ref, 'patch', () => api.apply(object, { manager: FIELD_MANAGER, ...options }))
    },
    remove: (ref, options = {}) =>
      asked('delete', ref, 'delete', () => {
        try {
          if (options.dryRun) api.get(ref)
          else api.remove(ref)
        } catch (error) {
          if (!(error instanceof Refused) || error.status.code !== 404) throw error
        }
      }),
    may: (right) => Promise.resolve(!denied.some((known) => isDenied(known, right))),
  }

  /** In a turn of its own, as over a network. */
  async function asked<T>(what: string, ref: ObjectRef, verb: string, answer: () => T): Promise<T> {
    await Promise.resolve()
    const [group = '', version] = ref.apiVersion.includes('/') ? ref.apiVersion.split('/') : ['', ref.apiVersion]
    const resource = KINDS[group === '' ? (version ?? '') : ref.apiVersion]?.[ref.kind]?.replace('/', '') ?? '?'
    const right: Right = { verb, group, resource, namespace: ref.namespace }
    try {
      if (denied.some((known) => isDenied(known, right))) throw forbidden(right)
      return answer()
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const place = { context, server: 'https://memory', config: new KubeConfig(), clock: { now: () => 0 } }
      throw inWords(error.status, { ...place, asked: { what: `${what} ${wordsOf(ref)}`, right } })
    }
  }

  return cluster
}

const isDenied = (known: Right, { verb, group, resource }: Right): boolean =>
  known.verb === verb && known.group === group && known.resource === resource

const forbidden = ({ verb, group, resource, namespace }: Right) =>
  new Refused({
    code: 403,
    reason: 'Forbidden',
    message: `${resource} is forbidden: User "tester" cannot ${verb} resource "${resource}" in API group "${group}" in the namespace "${namespace}"`,
  })
