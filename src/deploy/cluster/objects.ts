/** Objects of the cluster: read, listed, applied, deleted. */
import { StockpipeError } from '../../errors.ts'
import type { ApplyOptions, Cluster, ClusterIdentity, ListQuery, RemoveOptions, Right } from '../cluster.ts'
import { refOf, wordsOf, type KubeObject, type ObjectRef } from '../object.ts'
import type { Connection } from './connection.ts'
import { listAll, type ListOf } from './list.ts'
import { FIELD_MANAGER } from './manager.ts'
import { pathOf, rightTo, type Resources } from './resources.ts'

export function objectsOf(connection: Connection, resources: Resources): Cluster {
  return {
    identity: () => identityOf(connection),
    get: (ref) => orNull(getObject(connection, resources, ref)),
    list: async (query) => (await listAll(connection, await listOf(resources, query))).items,
    apply: (object, options) => applyObject(connection, resources, object, options),
    async remove(ref, options = {}) {
      await orNull(removeObject(connection, resources, ref, options))
    },
  }
}

async function identityOf({ send, context, server }: Connection): Promise<ClusterIdentity> {
  const right: Right = { verb: 'get', group: '', resource: 'the version', namespace: null }
  const asking = await send({ asked: { what: 'ask for the version', right }, path: '/version' })
  const { gitVersion } = (await asking.json()) as { gitVersion: string }
  return { context, server, uid: await uidOf(send), version: gitVersion.replace(/^v/, '') }
}

/** Null where we may not read it. */
async function uidOf(send: Connection['send']): Promise<string | null> {
  const right: Right = { verb: 'get', group: '', resource: 'namespaces', namespace: null, name: 'kube-system' }
  try {
    const answer = await send({
      asked: { what: 'read Namespace kube-system', right },
      path: '/api/v1/namespaces/kube-system',
    })
    return ((await answer.json()) as KubeObject).metadata['uid'] as string
  } catch (error) {
    if (error instanceof StockpipeError && ['forbidden', 'not-found'].includes(error.code)) return null
    throw error
  }
}

/** Null for what is not there, whether the object or its kind. */
async function orNull<T>(asking: Promise<T>): Promise<T | null> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof StockpipeError && ['not-found', 'missing-kind'].includes(error.code)) return null
    throw error
  }
}

async function getObject({ send }: Connection, resources: Resources, ref: ObjectRef): Promise<KubeObject> {
  const resource = await resources.find(ref)
  const asked = { what: `read ${wordsOf(ref)}`, right: rightTo('get', resource, ref.namespace) }
  const answer = await send({ asked, path: pathOf(resource, ref.namespace, ref.name) })
  return (await answer.json()) as KubeObject
}

async function applyObject(
  { send }: Connection,
  resources: Resources,
  object: KubeObject,
  { dryRun, force }: ApplyOptions,
): Promise<KubeObject> {
  const ref = refOf(object)
  const resource = await resources.find(ref)
  const query = new URLSearchParams({
    fieldManager: FIELD_MANAGER,
    // A misspelled field is an error, and not silently nothing.
    fieldValidation: 'Strict',
    ...(force ? { force: 'true' } : {}),
    ...(dryRun ? { dryRun: 'All' } : {}),
  })
  const answer = await send({
    asked: { what: `apply ${wordsOf(ref)}`, right: rightTo('patch', resource, ref.namespace) },
    path: `${pathOf(resource, ref.namespace, ref.name)}?${query.toString()}`,
    method: 'PATCH',
    contentType: 'application/apply-patch+yaml',
    body: object,
  })
  return (await answer.json()) as KubeObject
}

async function removeObject(
  { send }: Connection,
  resources: Resources,
  ref: ObjectRef,
  { orphan = false, dryRun = false, isCleanup = false }: RemoveOptions,
): Promise<void> {
  const resource = await resources.find(ref)
  await send({
    asked: { what: `delete ${wordsOf(ref)}`, right: rightTo('delete', resource, ref.namespace) },
    path: pathOf(resource, ref.namespace, ref.name),
    method: 'DELETE',
    body: {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: orphan ? 'Orphan' : 'Background',
      ...(dryRun ? { dryRun: ['All'] } : {}),
    },
    isCleanup,
  })
}

export async function listOf(resources: Resources, query: ListQuery): Promise<ListOf> {
  const resource = await resources.find(query)
  const namespace = query.namespace ?? null
  const labels = Object.entries(query.labels ?? {}).map(([key, value]) => `${key}=${value}`)
  return {
    kind: { apiVersion: query.apiVersion, kind: query.kind },
    path: pathOf(resource, namespace),
    query: labels.length === 0 ? {} : { labelSelector: labels.join(',') },
    what: `${query.kind} objects${namespace === null ? '' : ` of ${namespace}`}`,
    right: (verb) => rightTo(verb, resource, namespace),
  }
}
