/** The Secrets that only the user makes: those that objects read and no render has. */
import { type Finding, fail, ok, warn } from '../../finding.ts'
import { at, listAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import { containersOf, isWorkload, type Container, type PodTemplate } from '../pod.ts'
import type { Examined } from './check.ts'

/** A Secret and what is read of it. */
interface Need {
  name: string
  keys: readonly string[]
  type: 'generic' | 'pull' | 'tls'
}

const LOGIN = ['username', 'password']

/** Each must be there with the keys that are read, or a pod waits for it until the time is up. Nothing where none is named. */
export async function checkSecrets({ cluster, objects, namespace }: Examined): Promise<Finding[]> {
  const needs = needsOf(objects)
  if (needs.length === 0) return []
  const lacking: Lack[] = []
  for (const need of needs) {
    const secret = await cluster.get({ apiVersion: 'v1', kind: 'Secret', name: need.name, namespace })
    const missing = missingFrom(secret, need)
    if (secret === null || missing.length > 0) lacking.push({ need, missing, isThere: secret !== null })
  }
  if (lacking.length === 0) return [ok('secrets', `${needs.map(({ name }) => name).join(', ')}: every key is there`)]
  const space = await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace, namespace: null })
  return lacking.map((lack) => (space === null ? early(lack, namespace) : lackOf(lack, namespace)))
}

/** A login for pulling may have the older form. */
const missingFrom = (secret: KubeObject | null, { keys, type }: Need): string[] =>
  type === 'pull' && textAt(secret, 'data', '.dockercfg') !== ''
    ? []
    : keys.filter((key) => textAt(secret, 'data', key) === '')

interface Lack {
  need: Need
  missing: readonly string[]
  isThere: boolean
}

const early = ({ need }: Lack, namespace: string): Finding =>
  warn(
    'secrets',
    `${need.name} is not there, for namespace ${namespace} is not made yet`,
    `kubectl create namespace ${namespace}, then ${commandFor(need, namespace)}`,
  )

/**
 * Pods wait for theirs. Of a certificate only who calls from outside has need, and a login for pulling is tried without
 * where it is not there. What lacks a key is edited: whatever writes the whole Secret may take its other keys away.
 */
function lackOf({ need, missing, isThere }: Lack, namespace: string): Finding {
  const words = isThere ? `${need.name} has no ${missing.join(', no ')}` : `${need.name} is not in ${namespace}`
  const fix = isThere
    ? `kubectl edit secret ${need.name} -n ${namespace}, and add under data, in base64: ${missing.join(', ')}`
    : commandFor(need, namespace)
  return need.type === 'generic' ? fail('secrets', words, fix) : warn('secrets', words, fix)
}

function commandFor({ name, keys, type }: Need, namespace: string): string {
  const rest = `${name} -n ${namespace}`
  if (type === 'tls') return `kubectl create secret tls ${rest} --cert=FILE --key=FILE`
  const of = type === 'pull' ? ' --type=kubernetes.io/dockerconfigjson' : ''
  return `kubectl create secret generic ${rest}${of}${keys.map((key) => ` --from-file=${key}=FILE`).join('')}`
}

/** Sorted by name; a Secret that several read, with the keys of all. */
function needsOf(objects: readonly KubeObject[]): Need[] {
  const ours = new Set(objects.filter(({ kind }) => kind === 'Secret').map(({ metadata }) => metadata.name))
  const all = objects.flatMap((object) => [
    ...(isWorkload(object) ? podNeeds(object.spec.template) : []),
    ...doorNeeds(object),
    ...listAt(object, 'spec', 'secretTargetRef').map((ref) => keyNeed(ref)),
  ])
  const byName = Map.groupBy(
    all.filter(({ name }) => name !== '' && !ours.has(name)),
    ({ name }) => name,
  )
  return [...byName]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, needs]) => ({
      name,
      type: needs[0]?.type ?? 'generic',
      keys: [...new Set(needs.flatMap(({ keys }) => keys))],
    }))
}

const keyNeed = (ref: unknown): Need => ({ name: textAt(ref, 'name'), keys: [textAt(ref, 'key')], type: 'generic' })

/** By variable, by file, and for pulling. */
function podNeeds(template: PodTemplate): Need[] {
  const containers = containersOf(template)
  const variables = containers
    .flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.secretKeyRef))
    .filter((ref) => ref !== undefined && ref.optional !== true)
  const volumes = (template.spec.volumes ?? []).filter(({ secret }) => secret !== undefined && secret.optional !== true)
  return [
    ...variables.map(keyNeed),
    ...volumes.map(({ name, secret }): Need => ({
      name: secret?.secretName ?? '',
      keys: itemsOf(secret) ?? containers.flatMap((container) => filesRead(container, name)),
      type: 'generic',
    })),
    ...(template.spec.imagePullSecrets ?? []).map(({ name }): Need => ({
      name,
      keys: ['.dockerconfigjson'],
      type: 'pull',
    })),
  ]
}

const itemsOf = (secret: unknown): string[] | null =>
  at(secret, 'items') === undefined ? null : listAt(secret, 'items').map((item) => textAt(item, 'key'))

/** What variables and arguments say of a mounted folder: files in it, or all of it, and then it is a login. */
function filesRead({ env = [], command = [], args = [], volumeMounts = [] }: Container, volume: string): string[] {
  const texts = [...env.map(({ value = '' }) => value), ...command, ...args]
  const folders = volumeMounts.filter(({ name }) => name === volume).map(({ mountPath }) => mountPath)
  return folders.flatMap((folder) =>
    texts.flatMap((text) => {
      const [, rest] = text.split(folder)
      if (rest === '') return LOGIN
      return /^\/([\w.-]+)/.exec(rest ?? '')?.[1] ?? []
    }),
  )
}

const ISSUER = 'cert-manager.io/'

/** Certificates of an Ingress or a Gateway; who names an issuer has them made. */
function doorNeeds(object: KubeObject): Need[] {
  if (Object.keys(object.metadata.annotations ?? {}).some((name) => name.startsWith(ISSUER))) return []
  const refs = listAt(object, 'spec', 'listeners').flatMap((listener) => listAt(listener, 'tls', 'certificateRefs'))
  const names = [
    ...listAt(object, 'spec', 'tls').map((tls) => textAt(tls, 'secretName')),
    ...refs.map((ref) => textAt(ref, 'name')),
  ]
  return names.map((name) => ({ name, keys: ['tls.crt', 'tls.key'], type: 'tls' }))
}
