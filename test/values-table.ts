/** Writes the table of values into docs/kubernetes.md: `bun test/values-table.ts`. */
import { join } from 'node:path'

import * as v from 'valibot'

import { markdownTable, withMarked } from '../src/config/markdown.ts'
import type { ProfileName } from '../src/deploy/profile.ts'
import type { KubeObject } from '../src/deploy/object.ts'
import { isWorkload, type Workload } from '../src/deploy/pod.ts'
import { valuesSchema } from '../src/deploy/values/schema.ts'
import { rendered } from './manifests/combinations.ts'

export const MANUAL = join(import.meta.dir, '../docs/kubernetes.md')

interface Node {
  type: string
  entries?: Readonly<Record<string, Node>>
  pipe?: readonly Node[]
  wrapped?: Node
  default?: unknown
}

export interface ValueRow {
  key: string
  fallback: string
  accepts: string
}

/** Every value that is no map of others. */
export function valueRows(): ValueRow[] {
  const isIn = Object.fromEntries((['minikube', 'ha'] as const).map((profile) => [profile, inProfile(profile)]))
  return leavesOf(valuesSchema as unknown as Node).map(({ key, node }) => ({
    key,
    fallback: fallbackOf(node) ?? profileWords(isIn['minikube']?.[key], isIn['ha']?.[key]),
    accepts: acceptsOf(node),
  }))
}

function leavesOf(node: Node, key = ''): { key: string; node: Node }[] {
  const entries = entriesOf(node)
  if (entries === undefined) return [{ key, node }]
  return Object.entries(entries).flatMap(([name, inner]) => leavesOf(inner, key === '' ? name : `${key}.${name}`))
}

const entriesOf = (node: Node): Node['entries'] =>
  node.entries ??
  node.pipe?.map(entriesOf).find((entries) => entries !== undefined) ??
  (node.wrapped && entriesOf(node.wrapped))

function fallbackOf({ default: value }: Node): string | null {
  if (value === undefined) return null
  return typeof value === 'string' || typeof value === 'boolean' ? `\`${value}\`` : ''
}

/** The message for what nobody may write, without the words around what is allowed. */
function acceptsOf(node: Node): string {
  const { issues = [] } = v.safeParse((node.wrapped ?? node) as unknown as v.GenericSchema, '!')
  const message = issues.at(issues[0]?.message.includes('image') ? 0 : -1)?.message ?? 'a text'
  return message.startsWith('Invalid type')
    ? 'a map of texts'
    : (message.replace(/^("!" is not |is not |must be )/, '').split(': ')[0] ?? '')
}

const profileWords = (one = '', three = ''): string =>
  one === three ? code(one) : `${code(one)}, \`ha\`: ${code(three)}`
const code = (text: string): string => (text === '' ? '' : `\`${text}\``)

/** What the manifests have where nothing is set. */
function inProfile(profile: ProfileName): Record<string, string> {
  const objects = rendered({ profile })
  const set = (name: string) => workloadOf(objects, name)
  const replicas = (name: string) => String(set(name).spec.replicas ?? '')
  const variable = (name: string, key: string) =>
    set(name).spec.template.spec.containers[0]?.env?.find((one) => one.name === key)?.value ?? ''
  const spool = objects.find(({ kind }) => kind === 'PersistentVolumeClaim') as unknown as Claim | undefined
  return {
    'images.stockpipe': imageOf(set('stockpipe-api')),
    'images.kafka': imageOf(set('kafka')),
    'images.cassandra': imageOf(set('cassandra')),
    'images.grafana': imageOf(set('grafana')),
    'images.kafkaUi': imageOf(set('kafka-ui')),
    'kafka.replicas': replicas('kafka'),
    'kafka.storage': storageOf(set('kafka')),
    'kafka.heap': /-Xmx(\w+)/.exec(variable('kafka', 'KAFKA_HEAP_OPTS'))?.[1] ?? '',
    'cassandra.replicas': replicas('cassandra'),
    'cassandra.storage': storageOf(set('cassandra')),
    'cassandra.heap': variable('cassandra', 'MAX_HEAP_SIZE'),
    'producer.storage': spool?.spec.resources.requests.storage ?? '',
    'processor.replicas': replicas('stockpipe-processor'),
    'api.replicas': replicas('stockpipe-api'),
    ...Object.fromEntries(
      ['kafka', 'cassandra', 'producer', 'processor', 'api', 'grafana'].flatMap((part) => resourceRows(part, set)),
    ),
  }
}

interface Claim {
  spec: { resources: { requests: { storage: string } } }
}

function resourceRows(part: string, set: (name: string) => Workload): [string, string][] {
  const name = ['producer', 'processor', 'api'].includes(part) ? `stockpipe-${part}` : part
  const resources = set(name).spec.template.spec.containers[0]?.resources
  return (['requests', 'limits'] as const).flatMap((share) =>
    (['cpu', 'memory'] as const).map((kind): [string, string] => [
      `${part}.resources.${share}.${kind}`,
      resources?.[share]?.[kind] ?? '',
    ]),
  )
}

const imageOf = ({ spec }: Workload): string => spec.template.spec.containers[0]?.image ?? ''
const storageOf = ({ spec }: Workload): string => spec.volumeClaimTemplates?.[0]?.spec.resources.requests.storage ?? ''

function workloadOf(objects: readonly KubeObject[], name: string): Workload {
  const found = objects.filter(isWorkload).find(({ metadata }) => metadata.name === name)
  if (found === undefined) throw new Error(`there is no workload ${name}`)
  return found
}

const table = (): string =>
  markdownTable([
    ['Value', 'Default', 'Allowed'],
    ...valueRows().map(({ key, fallback, accepts }) => [`\`${key}\``, fallback, accepts.replaceAll('|', '\\|')]),
  ])

/** Null without the marks. */
export const withValues = (manual: string): string | null => withMarked(manual, 'values', table())

if (import.meta.main) {
  const renewed = withValues(await Bun.file(MANUAL).text())
  if (renewed === null) throw new Error('docs/kubernetes.md has no <!-- values --> and <!-- /values -->')
  await Bun.write(MANUAL, renewed)
}
