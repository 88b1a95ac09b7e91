/** Rules about pods: the profile `restricted` of PodSecurity field by field, and what we ask of ourselves beyond it. */
import type { KubeObject } from '../../src/deploy/object.ts'
import { type Container, isWorkload, type Volume, type Workload } from '../../src/deploy/pod.ts'
import { amountOf } from '../../src/deploy/quantity.ts'
import { isPinned } from '../../src/deploy/values/fields.ts'
import type { ContainerRule, Rule, Rules } from './lint.ts'

/** Kinds of volumes that `restricted` allows and that we use. */
const VOLUME_KINDS = new Set(['configMap', 'emptyDir', 'persistentVolumeClaim', 'projected', 'secret'])

/** Where each image keeps what must last, by the VOLUME of its Dockerfile. */
const DECLARED_VOLUMES: Readonly<Record<string, string>> = {
  kafka: '/var/lib/kafka/data',
  cassandra: '/var/lib/cassandra',
  producer: '/data',
}

interface Security {
  runAsNonRoot?: boolean
  runAsUser?: number
  allowPrivilegeEscalation?: boolean
  privileged?: boolean
  readOnlyRootFilesystem?: boolean
  capabilities?: { drop?: string[]; add?: string[] }
  seccompProfile?: { type?: string }
  procMount?: string
}
const securityOf = ({ securityContext }: Container): Security => securityContext ?? {}
const podSecurity = (workload: Workload): Security => workload.spec.template.spec.securityContext ?? {}

const KEPT = ['allowPrivilegeEscalation', 'readOnlyRootFilesystem', 'capabilities'] as const

export const CONTAINER_RULES = {
  'a container gains no privileges': ({ container }) => {
    const { allowPrivilegeEscalation, privileged } = securityOf(container)
    return (allowPrivilegeEscalation !== false || privileged === true) && `${container.name} may`
  },
  'a container drops every capability': ({ container }) => {
    const { drop = [], add = [] } = securityOf(container).capabilities ?? {}
    return (!drop.includes('ALL') || add.length > 0) && `${container.name} keeps some`
  },
  'a container overrides nothing of its pod': ({ container }) => {
    const own = Object.keys(securityOf(container)).filter((key) => !KEPT.includes(key as (typeof KEPT)[number]))
    return own.length > 0 && `${container.name} sets ${own.join(', ')}`
  },
  'a root file system is read-only': ({ container }) =>
    securityOf(container).readOnlyRootFilesystem !== true && `${container.name} may write`,
  'an image has a version': ({ container: { image } }) => !isPinned(image) && image,
  'an image is of a source that lasts': ({ container: { image } }) => /bitnami|zookeeper/.test(image) && image,
  'an image is pulled where it is missing': ({ container: { imagePullPolicy } }) =>
    imagePullPolicy !== 'IfNotPresent' && String(imagePullPolicy),
  'a container says what it needs and may use': ({ container: { name, resources } }) => {
    const amounts = [resources?.requests, resources?.limits].flatMap((one) => [one?.['cpu'], one?.['memory']])
    return amounts.some((amount) => !(amountOf(amount ?? '') > 0)) && name
  },
  'a container has no hooks': ({ container: { name, lifecycle } }) => lifecycle !== undefined && name,
  'a server says when it is started and ready': ({ container, workload, isInit }) =>
    !isInit &&
    workload.kind !== 'Job' &&
    (container.startupProbe === undefined || container.readinessProbe === undefined) &&
    container.name,
  'a probe starts no program': ({ container }) => {
    const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe]
    return probes.some((probe) => probe && !probe.httpGet && !probe.tcpSocket) && container.name
  },
  'a probe asks a port that is there': ({ container }) => {
    const known = new Set((container.ports ?? []).flatMap(({ name, containerPort }) => [name, containerPort]))
    const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe]
    const asked = probes.map((probe) => (probe?.httpGet ?? probe?.tcpSocket)?.port)
    return asked.some((port) => port !== undefined && !known.has(port)) && `${container.name}: ${asked.join(', ')}`
  },
  'a variable is set once, after those that it names': ({ container: { name, env = [] } }) => {
    const before = new Set<string>()
    for (const variable of env) {
      const named = [...(variable.value ?? '').matchAll(/\$\((\w+)\)/g)].map(([, other]) => other ?? '')
      if (before.has(variable.name) || named.some((other) => !before.has(other))) return `${name}: ${variable.name}`
      before.add(variable.name)
    }
    return null
  },
  'a mount has its volume, and a path of its own': ({ container, workload }) => {
    const { volumes = [] } = workload.spec.template.spec
    const claims = (workload.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name)
    const known = new Set([...volumes.map(({ name }) => name), ...claims])
    const mounts = container.volumeMounts ?? []
    const lost = mounts.filter(({ name }) => !known.has(name)).map(({ name }) => name)
    const paths = new Set(mounts.map(({ mountPath }) => mountPath))
    return (lost.length > 0 || paths.size < mounts.length) && `${container.name}: ${lost.join(', ')}`
  },
  'what must last is mounted exactly at the volume of the image': ({ container, workload, isInit }) => {
    if (isInit) return null
    const { volumes = [] } = workload.spec.template.spec
    const lasting = [
      ...(workload.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
      ...volumes.filter((volume) => volume.persistentVolumeClaim).map(({ name }) => name),
    ]
    const paths = (container.volumeMounts ?? [])
      .filter(({ name, subPath }) => lasting.includes(name) && subPath === undefined)
      .map(({ mountPath }) => mountPath)
    const declared = DECLARED_VOLUMES[container.name]
    return paths.join() !== (declared ?? '') && `${paths.join() || 'nothing'} instead of ${declared ?? 'nothing'}`
  },
  'Kafka writes below its volume, never at it': ({ container: { name, env = [] } }) => {
    const dirs = env.find((variable) => variable.name === 'KAFKA_LOG_DIRS')?.value
    return name === 'kafka' && !/^\/var\/lib\/kafka\/data\/\w+$/.test(dirs ?? '') && String(dirs)
  },
  'a heap is set, and leaves room': ({ container: { name, env = [], resources } }) => {
    if (!['kafka', 'cassandra', 'kafka-ui'].includes(name)) return null
    const text = env.map(({ name, value = '' }) => (name === 'MAX_HEAP_SIZE' ? `-Xmx${value}` : value)).join(' ')
    const [, digits = '', unit = ''] = /-Xmx(\d+)([mMgG])/.exec(text) ?? []
    const heap = Number(digits) * (unit.toLowerCase() === 'g' ? 2 ** 30 : 2 ** 20)
    return !(heap > 0 && heap <= 0.8 * amountOf(resources?.limits?.['memory'] ?? '')) && `${name}: ${digits}${unit}`
  },
} as const satisfies Readonly<Record<string, ContainerRule>>

const specOf = (workload: Workload) => workload.spec.template.spec
const kindOf = (volume: Volume): string => Object.keys(volume).find((key) => key !== 'name') ?? ''

export const POD_RULES = {
  'a pod runs as a user with a number, never root': (workload) => {
    const { runAsNonRoot, runAsUser } = podSecurity(workload)
    return (runAsNonRoot !== true || !Number.isInteger(runAsUser) || (runAsUser ?? 0) <= 0) && String(runAsUser)
  },
  'a pod has the default seccomp profile': (workload) =>
    podSecurity(workload).seccompProfile?.type !== 'RuntimeDefault' && 'not RuntimeDefault',
  'a pod stays in its own namespaces': (workload) => {
    const spec = specOf(workload)
    return ['hostNetwork', 'hostPID', 'hostIPC', 'hostUsers'].find((field) => spec[field] !== undefined)
  },
  'a volume is of a kind that restricted allows': (workload) => {
    const kinds = (specOf(workload).volumes ?? []).map(kindOf)
    return kinds.find((kind) => !VOLUME_KINDS.has(kind))
  },
  'what a pod may fill has a size': (workload) =>
    (specOf(workload).volumes ?? []).find(
      ({ emptyDir }) => emptyDir && !(amountOf(emptyDir.sizeLimit ?? '') > 0 && emptyDir.medium === undefined),
    )?.name,
  'a pod asks Kubernetes for nothing': (workload) =>
    specOf(workload)['automountServiceAccountToken'] !== false && 'mounts a token',
  'a pod is not told of services by variables': (workload) =>
    specOf(workload)['enableServiceLinks'] !== false && 'enableServiceLinks',
  'a pod has time to end': (workload) =>
    !(Number(specOf(workload)['terminationGracePeriodSeconds']) >= 30) && 'terminationGracePeriodSeconds',
  'a server with data has longer': (workload) =>
    workload.kind === 'StatefulSet' &&
    !(Number(specOf(workload)['terminationGracePeriodSeconds']) >= 120) &&
    'too short',
  'selectors are labels of the pods': (workload) => {
    const { selector, template } = workload.spec
    const wanted = Object.entries(selector?.matchLabels ?? {})
    if (workload.kind !== 'Job' && wanted.length === 0) return 'no selector'
    return wanted.find(([key, value]) => template.metadata.labels[key] !== value)?.[0]
  },
  'selectors hold nothing that an upgrade changes': (workload) =>
    Object.keys(workload.spec.selector?.matchLabels ?? {}).find((key) => /version|hash|managed-by|instance/.test(key)),
  'pods that may be several spread over nodes': (workload, all) => {
    const isScaled = all.some((it) => it.kind !== workload.kind && scalerOf(it) === workload.metadata.name)
    const several = isScaled || (workload.spec.replicas ?? 1) > 1
    const keys = (specOf(workload).topologySpreadConstraints ?? []).map((one) => one['topologyKey'])
    return several && !keys.includes('kubernetes.io/hostname') && 'no spread'
  },
  'a spread counts its own pods': (workload) => {
    const { labels } = workload.spec.template.metadata
    const selectors = (specOf(workload).topologySpreadConstraints ?? []).map(
      (one) => (one['labelSelector'] as { matchLabels?: Record<string, string> } | undefined)?.matchLabels ?? {},
    )
    return (
      selectors.some((one) => Object.keys(one).length === 0 || Object.entries(one).some(([k, v]) => labels[k] !== v)) &&
      'of others'
    )
  },
  // Without it a cluster of one zone has them all there, and one of two zones two of three: the skew is one at most.
  'a spread that insists says over how many': (workload) =>
    (specOf(workload).topologySpreadConstraints ?? []).some(
      (one) => one['whenUnsatisfiable'] === 'DoNotSchedule' && one['minDomains'] !== 3,
    ) && 'over as many as there are',
  'a change of settings is a change of pods': (workload) =>
    !/^[0-9a-f]{10}$/.test(workload.spec.template.metadata.annotations?.['stockpipe.dev/config-hash'] ?? '') &&
    'no hash',
  'Kafka starts at once, Cassandra in order': ({ kind, metadata: { name }, spec }) => {
    const wanted = { kafka: 'Parallel', cassandra: 'OrderedReady' }[name]
    return kind === 'StatefulSet' && spec['podManagementPolicy'] !== wanted && String(spec['podManagementPolicy'])
  },
  'volumes outlive their set': ({ kind, spec }) => {
    const { whenDeleted, whenScaled } = (spec['persistentVolumeClaimRetentionPolicy'] ?? {}) as Record<string, string>
    return kind === 'StatefulSet' && (whenDeleted !== 'Retain' || whenScaled !== 'Retain') && 'not retained'
  },
  'one number has one owner': (workload, all) =>
    all.some((it) => scalerOf(it) === workload.metadata.name) && workload.spec.replicas !== undefined && 'replicas too',
  'a budget is there exactly for several pods': (workload, all) => {
    const { name } = workload.metadata
    const scaler = all.find((it) => scalerOf(it) === name)?.['spec'] as Record<string, number> | undefined
    const least = scaler?.['minReplicas'] ?? scaler?.['minReplicaCount'] ?? workload.spec.replicas ?? 1
    const has = all.some((it) => it.kind === 'PodDisruptionBudget' && it.metadata.name === name)
    return workload.kind !== 'Job' && has !== least > 1 && `${least} pods, ${has ? 'a' : 'no'} budget`
  },
  'the feed has one reader': ({ metadata, spec }) =>
    metadata.name === 'stockpipe-producer' &&
    (spec.replicas !== 1 || (spec['strategy'] as { type?: string } | undefined)?.type !== 'Recreate') &&
    'several at times',
} as const satisfies Rules<Workload>

/** The workload that an autoscaler owns the number of. */
export const scalerOf = ({ kind, ...rest }: KubeObject): string | null => {
  if (kind !== 'HorizontalPodAutoscaler' && kind !== 'ScaledObject') return null
  return (rest['spec'] as { scaleTargetRef: { name: string } }).scaleTargetRef.name
}
export type { Rule }
export { isWorkload }
