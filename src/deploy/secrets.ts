/** Fills the Secrets of a render: kept where they are, given by the user, or made once. */
import { StockpipeError } from '../errors.ts'
import type { Secrets } from '../secrets.ts'
import type { Cluster } from './cluster.ts'
import { at, listAt } from './fields.ts'
import { refOf, wordsOf, type KubeObject } from './object.ts'
import { type PodSpec, referencesOf } from './pod.ts'

const KEYS = 'stockpipe.dev/keys'
const SOURCE = 'stockpipe.dev/source'

const OURS = 'app.kubernetes.io/part-of'
/** Who reads Secrets. Pods may be of a former form, and read others than their workload now says. */
const READERS = [
  ['v1', 'Pod'],
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['batch/v1', 'Job'],
] as const

/** What a Secret is the key of: the claims of this StatefulSet hold data that nothing else opens. */
const GUARDS: Readonly<Record<string, string>> = { 'cassandra-superuser': 'cassandra', 'kafka-cluster': 'kafka' }

export interface SecretsFrom {
  cluster: Cluster
  /** By `finnhub/token`: what the user gives, over what is there. */
  given: ReadonlyMap<string, string>
  random?: (bytes: number) => Uint8Array
}

/** The same objects in the same order, each Secret with all its data. Nothing is written. */
export async function filled(objects: readonly KubeObject[], from: SecretsFrom): Promise<KubeObject[]> {
  const result: KubeObject[] = []
  for (const object of objects) result.push(keysOf(object).length === 0 ? object : await fill(object, from))
  return result
}

/** The keys that a Secret of a render wants; none for every other object. */
export const keysOf = ({ kind, metadata }: KubeObject): string[] =>
  kind === 'Secret' ? (metadata.annotations?.[KEYS] ?? '').split(',').filter(Boolean) : []

async function fill(object: KubeObject, { cluster, given, random = randomBytes }: SecretsFrom): Promise<KubeObject> {
  const live = await cluster.get(refOf(object))
  const kept = (live?.['data'] ?? {}) as Readonly<Record<string, string>>
  const { name } = object.metadata
  const data: Record<string, string> = {}
  for (const key of keysOf(object)) {
    const own = given.get(`${name}/${key}`)
    data[key] = own === undefined ? (kept[key] ?? '') : base64(own)
  }
  const missing = Object.keys(data).filter((key) => data[key] === '')
  if (missing.length > 0 && object.metadata.annotations?.[SOURCE] === 'user') throw onlyTheUserKnows(object, missing)
  if (missing.length > 0) await refuseLockout(object, cluster)
  for (const key of missing) data[key] = base64(made(name, key, random))
  return { ...object, data }
}

/** Every value of every Secret, as it is stored and as it is meant. The name of a user is none. */
export const secretsIn = (objects: readonly KubeObject[]): string[] =>
  objects
    .filter(({ kind }) => kind === 'Secret')
    .flatMap((secret) => Object.entries((secret['data'] ?? {}) as Readonly<Record<string, string>>))
    .filter(([key]) => key !== 'username')
    .flatMap(([, value]) => [value, Buffer.from(value, 'base64').toString().trim()])

interface Learning {
  cluster: Pick<Cluster, 'list'>
  namespace: string
  /** Told of what the Secrets of the installation hold. */
  secrets: Secrets
}

/**
 * For whoever prints words of the installation. Those of others in the namespace hold ordinary words, and are in none of
 * our texts. Who may not read its Secrets prints what is not known to be one.
 */
export async function learnSecrets({ cluster, namespace, secrets }: Learning): Promise<void> {
  const labels = { [OURS]: 'stockpipe' }
  const [all, ...readers] = await Promise.all([
    ifAllowed(cluster.list({ apiVersion: 'v1', kind: 'Secret', namespace })),
    ...READERS.map(([apiVersion, kind]) => ifAllowed(cluster.list({ apiVersion, kind, namespace, labels }))),
  ])
  const read = new Set(readers.flat().flatMap(secretsReadBy))
  const isOurs = ({ metadata }: KubeObject) => metadata.labels?.[OURS] === labels[OURS] || read.has(metadata.name)
  secrets.add(...secretsIn(all.filter(isOurs)))
}

async function ifAllowed(listed: Promise<KubeObject[]>): Promise<KubeObject[]> {
  try {
    return await listed
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'forbidden') return []
    throw error
  }
}

function secretsReadBy(reader: KubeObject): string[] {
  const spec = at(reader, ...(reader.kind === 'Pod' ? ['spec'] : ['spec', 'template', 'spec']))
  return listAt(spec, 'containers').length === 0 ? [] : referencesOf({ spec: spec as PodSpec }, 'Secret')
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const randomBytes = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes))
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** Safe in URLs, in shells and in YAML. */
function made(secret: string, key: string, random: (bytes: number) => Uint8Array): string {
  if (key === 'username') return secret.split('-').at(-1) ?? secret
  if (key !== 'cluster-id') return textOf(random(32))
  // Kafka takes an id that begins with a dash for an option.
  for (;;) {
    const id = textOf(random(16))
    if (!id.startsWith('-')) return id
  }
}

const onlyTheUserKnows = (object: KubeObject, keys: readonly string[]) =>
  new StockpipeError('config', `${wordsOf(refOf(object))} needs ${keys.join(' and ')}, which only you know`, {
    hint: `--${object.metadata.name}-${keys[0]}-file FILE, or make the Secret yourself`,
  })

/** New credentials do not open old data: whoever lost them must say what to do. */
async function refuseLockout({ metadata }: KubeObject, cluster: Cluster): Promise<void> {
  const guarded = GUARDS[metadata.name]
  const { namespace = '' } = metadata
  if (guarded === undefined) return
  const claims = await cluster.list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace })
  const left = claims.map(({ metadata }) => metadata.name).filter((name) => isClaimOf(guarded, name))
  if (left.length === 0) return
  throw new StockpipeError(
    'config',
    `the data of ${guarded} is there, but Secret ${namespace}/${metadata.name} is not`,
    {
      why: `${left.join(', ')} can be opened only with what that Secret held; a new one would lock us out`,
      hint: `bring the Secret back from a backup, or give up the data: stockpipe deploy uninstall --delete-data -n ${namespace}`,
    },
  )
}

/** `data-kafka-0` is the claim of `kafka`, and `data-kafka-ui-0` is not. */
const isClaimOf = (set: string, claim: string): boolean => new RegExp(`^[a-z0-9]+-${set}-\\d+$`).test(claim)
