/** What the installer must be allowed to do: asked by `deploy check`, and written down as roles for who grants it. */
import { StockpipeError } from '../errors.ts'
import type { Right } from './cluster.ts'
import type { KubeObject } from './object.ts'

interface Resource {
  group: string
  /** As in the path of the API. */
  plural: string
  isNamespaced: boolean
}

const inNamespace = (group: string, plural: string): Resource => ({ group, plural, isNamespaced: true })
const ofCluster = (group: string, plural: string): Resource => ({ group, plural, isNamespaced: false })

/** Every kind that deploy applies. */
const RESOURCES: Readonly<Record<string, Resource>> = {
  Namespace: ofCluster('', 'namespaces'),
  ConfigMap: inNamespace('', 'configmaps'),
  Secret: inNamespace('', 'secrets'),
  Service: inNamespace('', 'services'),
  ServiceAccount: inNamespace('', 'serviceaccounts'),
  PersistentVolumeClaim: inNamespace('', 'persistentvolumeclaims'),
  Deployment: inNamespace('apps', 'deployments'),
  StatefulSet: inNamespace('apps', 'statefulsets'),
  Job: inNamespace('batch', 'jobs'),
  NetworkPolicy: inNamespace('networking.k8s.io', 'networkpolicies'),
  Ingress: inNamespace('networking.k8s.io', 'ingresses'),
  PodDisruptionBudget: inNamespace('policy', 'poddisruptionbudgets'),
  HorizontalPodAutoscaler: inNamespace('autoscaling', 'horizontalpodautoscalers'),
  ScaledObject: inNamespace('keda.sh', 'scaledobjects'),
  TriggerAuthentication: inNamespace('keda.sh', 'triggerauthentications'),
  Gateway: inNamespace('gateway.networking.k8s.io', 'gateways'),
  HTTPRoute: inNamespace('gateway.networking.k8s.io', 'httproutes'),
  ServiceMonitor: inNamespace('monitoring.coreos.com', 'servicemonitors'),
  PrometheusRule: inNamespace('monitoring.coreos.com', 'prometheusrules'),
}

const APPLIED = ['get', 'list', 'create', 'patch', 'delete']
/** It goes only with the data, when that is asked for: then by whoever may. */
const OF_A_NAMESPACE = ['get', 'create', 'patch', 'delete']

/** A right with the reason for it. */
export interface NeededRight extends Right {
  /** Without it deploy works, but sees less. */
  isOptional: boolean
}

/** To watch a rollout, to read logs, to reach a pod, to keep the inventory, to make the Jobs of test and verify. */
const ALWAYS: readonly (readonly [resource: Resource, verbs: readonly string[]])[] = [
  [inNamespace('', 'pods'), ['get', 'list', 'delete']],
  [inNamespace('', 'pods/log'), ['get']],
  [inNamespace('', 'pods/portforward'), ['get', 'create']],
  [inNamespace('', 'events'), ['list']],
  [inNamespace('', 'persistentvolumeclaims'), ['get', 'list', 'delete']],
  [inNamespace('', 'resourcequotas'), ['list']],
  [inNamespace('', 'configmaps'), APPLIED],
  [inNamespace('', 'secrets'), APPLIED],
  [inNamespace('apps', 'replicasets'), ['list']],
  [inNamespace('batch', 'jobs'), APPLIED],
  // Comes and goes with the number of pods.
  [inNamespace('policy', 'poddisruptionbudgets'), APPLIED],
]

/** Only to look: who may not has these checks left out, and is told. */
const LOOKS: readonly Resource[] = [
  ofCluster('', 'nodes'),
  ofCluster('storage.k8s.io', 'storageclasses'),
  ofCluster('storage.k8s.io', 'csidrivers'),
  // Whether a namespace holds something of others, before it is deleted.
  inNamespace('', 'services'),
  inNamespace('apps', 'daemonsets'),
  inNamespace('batch', 'cronjobs'),
  inNamespace('networking.k8s.io', 'ingresses'),
]

/** The namespace whose uid is the identity of the cluster. */
const IDENTITY = 'kube-system'

/** Who serves the metrics that an autoscaler reads. */
const SERVERS: Resource = ofCluster('apiregistration.k8s.io', 'apiservices')

/** Every right that installing `objects` needs, sorted, each once. Throws `internal` for a kind that is not listed here. */
export function neededRights(objects: readonly KubeObject[], namespace: string): NeededRight[] {
  const wanted = new Map<string, NeededRight>()
  const want = ({ group, plural, isNamespaced }: Resource, verb: string, isOptional = false) => {
    const right = { verb, group, resource: plural, namespace: isNamespaced ? namespace : null, isOptional }
    wanted.set(`${group}/${plural}/${verb}`, right)
  }
  /** Of namespaces only those that are named; a name cannot limit who may create. */
  const wantNamespace = (verb: string, name: string, isOptional: boolean) => {
    const right = { verb, group: '', resource: 'namespaces', namespace: null, isOptional }
    wanted.set(`/namespaces/${verb}/${name}`, verb === 'create' ? right : { ...right, name })
  }
  wantNamespace('get', IDENTITY, true)
  for (const resource of LOOKS) want(resource, 'list', true)
  if (objects.some(({ kind }) => kind === 'HorizontalPodAutoscaler')) want(SERVERS, 'get', true)
  for (const [resource, verbs] of ALWAYS) for (const verb of verbs) want(resource, verb)
  for (const { kind } of objects)
    if (kind === 'Namespace') for (const verb of OF_A_NAMESPACE) wantNamespace(verb, namespace, verb === 'delete')
    else for (const verb of APPLIED) want(resourceOf(kind), verb)
  return [...wanted].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, right]) => right)
}

/** Throws `internal` for a kind that deploy does not apply. */
export function resourceOf(kind: string): Resource {
  const resource = Object.hasOwn(RESOURCES, kind) ? RESOURCES[kind] : undefined
  if (resource === undefined) throw new StockpipeError('internal', `no right is known for the kind ${kind}`)
  return resource
}

export const rightWords = ({ verb, group, resource, name, namespace }: Right): string =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${name}`}${namespace === null ? '' : ` in ${namespace}`}`

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
  resourceNames?: string[]
}

/** A Role and a ClusterRole with exactly the needed rights; who binds them to an account makes it an installer. */
export function installerRoles(objects: readonly KubeObject[], namespace: string): KubeObject[] {
  const rights = neededRights(objects, namespace)
  const labels = { 'app.kubernetes.io/part-of': 'stockpipe' }
  const name = 'stockpipe-installer'
  const group = 'rbac.authorization.k8s.io/v1'
  return [
    {
      apiVersion: group,
      kind: 'ClusterRole',
      metadata: { name, labels },
      rules: rulesOf(rights.filter((right) => right.namespace === null)),
    },
    {
      apiVersion: group,
      kind: 'Role',
      metadata: { name, namespace, labels },
      rules: rulesOf(rights.filter((right) => right.namespace !== null)),
    },
  ]
}

/** Resources of one group with the same verbs share a rule. */
function rulesOf(rights: readonly Right[]): Rule[] {
  const verbs = new Map<string, { right: Right; verbs: string[] }>()
  for (const right of rights) {
    const key = `${right.group}/${right.resource}/${right.name ?? ''}`
    verbs.set(key, { right, verbs: [...(verbs.get(key)?.verbs ?? []), right.verb] })
  }
  const rules = new Map<string, Rule>()
  for (const { right, verbs: granted } of verbs.values()) {
    const { group, resource, name } = right
    const key = `${group}/${granted.join(',')}/${name ?? ''}`
    const names = name === undefined ? {} : { resourceNames: [name] }
    const rule = rules.get(key) ?? { apiGroups: [group], resources: [], verbs: granted, ...names }
    rule.resources.push(resource)
    rules.set(key, rule)
  }
  return [...rules.values()]
}
