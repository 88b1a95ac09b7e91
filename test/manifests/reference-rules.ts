/** Rules about what names what: every name leads to an object of the same render. */
import type { KubeObject } from '../../src/deploy/object.ts'
import { containersOf, isWorkload, referencesOf, type Workload } from '../../src/deploy/pod.ts'
import type { Rules } from './lint.ts'
import { scalerOf } from './pod-rules.ts'

interface ServiceSpec {
  clusterIP?: string
  publishNotReadyAddresses?: boolean
  selector: Record<string, string>
  ports: { name: string; port: number; targetPort: string | number }[]
}
const serviceSpec = (object: KubeObject): ServiceSpec => object['spec'] as ServiceSpec

const find = (all: readonly KubeObject[], kind: string, name: string): KubeObject | undefined =>
  all.find((object) => object.kind === kind && object.metadata.name === name)

const selects = (selector: Readonly<Record<string, string>>, { spec }: Workload): boolean =>
  Object.entries(selector).every(([key, value]) => spec.template.metadata.labels[key] === value)

/** Settings that hold addresses, of any image here. */
const ADDRESSES =
  /BROKERS$|BROKERCONNECT$|BOOTSTRAPSERVERS$|CONTACT_POINTS$|SEEDS$|VOTERS$|SCHEMAREGISTRY$|CASSANDRA_HOSTS$|API_URL$|CMD_ARGS$|ADVERTISED_LISTENERS$|^url$/
const PORT_OF_SCHEME: Readonly<Record<string, number>> = { http: 80, https: 443 }

interface Address {
  host: string
  port: number | null
}
/** `0@kafka-0.kafka-brokers:9093`, `PLAINTEXT://$(POD_NAME).kafka-brokers:9092`, `http://stockpipe-api:8080`, `cassandra`. */
function addressesOf(text: string): Address[] {
  return text
    .split(/[\s,]+/)
    .map((word) => word.replace(/^--[\w.]+=/, ''))
    .filter(
      (word) => /^(\d+@|\w+:\/\/)?[a-z$][\w.$()-]*(:\d+)?(\/.*)?$/.test(word) && !/^(true|false|AVRO)$/i.test(word),
    )
    .map((word) => {
      const [, scheme = '', host = '', port] = /^(?:\d+@)?(?:(\w+):\/\/)?([^:/]+)(?::(\d+))?/.exec(word) ?? []
      return { host, port: port === undefined ? (PORT_OF_SCHEME[scheme] ?? null) : Number(port) }
    })
}

/** Why an address leads nowhere, or null. */
function nowhere({ host, port }: Address, all: readonly KubeObject[]): string | null {
  const [first = '', second, ...rest] = host.split('.')
  const service = find(all, 'Service', second === undefined || rest.length > 0 ? first : second)
  if (service === undefined) return `no service for ${host}`
  if (rest.length > 0 && second !== service.metadata.namespace) return `${host} is in another namespace`
  if (second !== undefined && rest.length === 0) {
    const set = all.find((it) => isWorkload(it) && it.spec['serviceName'] === second)
    const ordinal = Number(/^(.*)-(\d+)$/.exec(first)?.[2] ?? 0)
    if (set === undefined || !isWorkload(set)) return `no StatefulSet behind ${second}`
    const isPod = first === '$(POD_NAME)' || first.replace(/-\d+$/, '') === set.metadata.name
    if (!isPod || ordinal >= (set.spec.replicas ?? 1)) return `there is no pod ${first}`
  }
  const ports = serviceSpec(service).ports.map((one) => one.port)
  return port === null || ports.includes(port) ? null : `${host} has no port ${port}`
}

function textsWithAddresses(object: KubeObject): string[] {
  if (object.kind === 'ConfigMap')
    return Object.entries((object['data'] ?? {}) as Record<string, string>).flatMap(([key, value]) =>
      ADDRESSES.test(key) ? [value] : [],
    )
  if (object.kind === 'ScaledObject')
    return (object['spec'] as { triggers: { metadata: { url: string } }[] }).triggers.map(
      ({ metadata }) => metadata.url,
    )
  if (!isWorkload(object)) return []
  return containersOf(object.spec.template).flatMap(({ env = [] }) =>
    env.flatMap(({ name, value }) => (value !== undefined && ADDRESSES.test(name) ? [value] : [])),
  )
}

interface MonitorSpec {
  selector: { matchLabels: Record<string, string> }
  endpoints: { port: string }[]
}

/** Why a ServiceMonitor does not read a role of ours, or reads it twice, or null. */
function unread({ selector, endpoints }: MonitorSpec, role: Workload, all: readonly KubeObject[]): string | null {
  const isLabelled = ({ metadata }: KubeObject): boolean =>
    Object.entries(selector.matchLabels).every(([key, value]) => metadata.labels?.[key] === value)
  const services = all
    .filter((object) => object.kind === 'Service' && isLabelled(object))
    .map(serviceSpec)
    .filter((service) => selects(service.selector, role))
  if (services.length !== 1) return `${role.metadata.name} is read ${services.length} times`
  const missing = endpoints.find(({ port }) => services[0]?.ports.every(({ name }) => name !== port))
  return missing === undefined ? null : `${role.metadata.name} has no port ${missing.port}`
}

export const REFERENCE_RULES = {
  'a monitor reads every role once, by a port that it has': (object, all) =>
    object.kind === 'ServiceMonitor' &&
    all
      .filter(isWorkload)
      .filter(({ kind, metadata }) => kind === 'Deployment' && metadata.name.startsWith('stockpipe-'))
      .map((role) => unread(object['spec'] as MonitorSpec, role, all))
      .find((what) => what !== null),
  'an address leads to a service, a pod and a port of the render': (object, all) =>
    textsWithAddresses(object)
      .flatMap(addressesOf)
      .map((address) => nowhere(address, all))
      .find((what) => what !== null),
  'a service has pods': (object, all) =>
    object.kind === 'Service' &&
    !all.some((it) => isWorkload(it) && it.kind !== 'Job' && selects(serviceSpec(object).selector, it)) &&
    JSON.stringify(serviceSpec(object).selector),
  'a port of a service is a named port of its pods': (object, all) => {
    if (object.kind !== 'Service') return null
    const pods = all.filter(isWorkload).filter((it) => it.kind !== 'Job' && selects(serviceSpec(object).selector, it))
    return serviceSpec(object).ports.find(({ targetPort }) =>
      pods.some((pod) =>
        pod.spec.template.spec.containers.every(({ ports = [] }) => ports.every(({ name }) => name !== targetPort)),
      ),
    )?.name
  },
  'no service is named so that its variables are settings of Kafka': ({ kind, metadata }) =>
    kind === 'Service' && metadata.name === 'kafka' && 'kafka',
  'names of servers are known before they are ready': (object, all) => {
    if (object.kind !== 'StatefulSet' || !isWorkload(object)) return null
    const service = find(all, 'Service', String(object.spec['serviceName']))
    const { clusterIP, publishNotReadyAddresses } = service === undefined ? {} : serviceSpec(service)
    return (clusterIP !== 'None' || publishNotReadyAddresses !== true) && String(object.spec['serviceName'])
  },
  'a ConfigMap or Secret that a pod reads is there': (object, all) => {
    if (!isWorkload(object)) return null
    const sources = (object.spec.template.spec.volumes ?? []).flatMap(({ configMap, projected }) => [
      configMap,
      ...(projected?.sources ?? []).map((source) => source.configMap),
    ])
    const optional = new Set(sources.flatMap((source) => (source?.optional ? [source.name] : [])))
    const configs = referencesOf(object.spec.template, 'ConfigMap').filter(
      (name) => !optional.has(name) && find(all, 'ConfigMap', name) === undefined,
    )
    const secrets = referencesOf(object.spec.template, 'Secret').filter(
      (name) => find(all, 'Secret', name) === undefined && !name.startsWith('existing-'),
    )
    return [...configs, ...secrets][0]
  },
  'a ConfigMap has a reader': (object, all) =>
    object.kind === 'ConfigMap' &&
    !all.some((it) => isWorkload(it) && referencesOf(it.spec.template, 'ConfigMap').includes(object.metadata.name)) &&
    object.metadata.name,
  'a key of a Secret is one that it has': (object, all) => {
    if (!isWorkload(object)) return null
    const refs = containersOf(object.spec.template).flatMap(({ env = [] }) =>
      env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []),
    )
    return refs.find(({ name, key }) => {
      const keys = find(all, 'Secret', name)?.metadata.annotations?.['stockpipe.dev/keys']
      return keys !== undefined && !keys.split(',').includes(key)
    })?.key
  },
  'a claim that a pod mounts is there': (object, all) =>
    isWorkload(object) &&
    (object.spec.template.spec.volumes ?? []).find(
      ({ persistentVolumeClaim: claim }) => claim && find(all, 'PersistentVolumeClaim', claim.claimName) === undefined,
    )?.name,
  'a pod has an account of its own, without a token': (object, all) => {
    if (!isWorkload(object)) return null
    const account = find(all, 'ServiceAccount', object.spec.template.spec.serviceAccountName ?? '')
    return account?.['automountServiceAccountToken'] !== false && String(object.spec.template.spec.serviceAccountName)
  },
  'an account has a pod': (object, all) =>
    object.kind === 'ServiceAccount' &&
    !all.some((it) => isWorkload(it) && it.spec.template.spec.serviceAccountName === object.metadata.name) &&
    object.metadata.name,
  'an autoscaler scales a Deployment that is there': (object, all) => {
    const name = scalerOf(object)
    return name !== null && find(all, 'Deployment', name) === undefined && name
  },
  'a budget is over pods that are there, and lets one go': (object, all) => {
    if (object.kind !== 'PodDisruptionBudget') return null
    const { selector, maxUnavailable } = object['spec'] as {
      selector: { matchLabels: Record<string, string> }
      maxUnavailable?: number
    }
    const pods = all.filter(isWorkload).filter((it) => selects(selector.matchLabels, it))
    return (maxUnavailable !== 1 || pods.length !== 1) && 'none, or of several workloads'
  },
  'everything is in the namespace that is rendered': (object, all) => {
    const namespace = all.find(({ kind }) => kind === 'Namespace')?.metadata.name
    return object.kind !== 'Namespace' && object.metadata.namespace !== namespace && String(object.metadata.namespace)
  },
  'names are given once': (object, all) =>
    all.filter(({ kind, metadata }) => kind === object.kind && metadata.name === object.metadata.name).length > 1 &&
    object.metadata.name,
  'everything says what it belongs to': ({ metadata, kind }) =>
    [
      'part-of',
      'instance',
      'version',
      'managed-by',
      ...(['Namespace', 'NetworkPolicy'].includes(kind) ? [] : ['name', 'component']),
    ]
      .map((label) => `app.kubernetes.io/${label}`)
      .find((label) => !metadata.labels?.[label]),
} as const satisfies Rules<KubeObject>
