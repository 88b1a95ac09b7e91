/** Producer, processor and api: settings, number, and who reaches the api. */
import { mainContainer, objectOf, ofKind, setVariable, workloadOf } from './find.ts'
import { setClaim, setResources } from './servers.ts'
import type { KubeObject } from '../object.ts'
import { patched } from '../patch.ts'
import type { ClaimTemplate, Workload } from '../pod.ts'
import type { Values } from '../values.ts'

export function setConfig(objects: readonly KubeObject[], { variables }: Values): void {
  Object.assign(objectOf(objects, 'ConfigMap', 'stockpipe-config')['data'] as object, variables)
}

export function setRoles(objects: readonly KubeObject[], values: Values): void {
  const { producer, processor, api, storageClass } = values
  const spool = objectOf(objects, 'PersistentVolumeClaim', 'stockpipe-producer-spool')
  setClaim(spool['spec'] as ClaimTemplate['spec'], { storage: producer.storage, storageClass })
  for (const [name, { resources }] of Object.entries({ producer, processor, api }))
    setResources(workloadOf(objects, `stockpipe-${name}`), resources)
  if (api.replicas !== undefined) workloadOf(objects, 'stockpipe-api').spec.replicas = api.replicas
  const workers = workloadOf(objects, 'stockpipe-processor')
  if (processor.replicas !== undefined) workers.spec.replicas = processor.replicas
  setScaling(objects, values)
  if (values.monitoring.namespace !== undefined) admit(objects, 'monitoring', values.monitoring.namespace)
}

function setScaling(objects: readonly KubeObject[], { profile, processor, namespace }: Values): void {
  const { by, min = profile === 'minikube' ? 1 : 3, max = Math.max(4, min), lag, namespace: of } = processor.autoscaling
  if (by === 'hpa') {
    const spec = objectOf(objects, 'HorizontalPodAutoscaler', 'stockpipe-processor')['spec'] as HpaSpec
    Object.assign(spec, { minReplicas: min, maxReplicas: max })
    const waiting = spec.metrics.find(({ pods }) => pods !== undefined)?.pods?.target
    if (lag !== undefined && waiting !== undefined) waiting.averageValue = String(lag)
  }
  if (by === 'keda') {
    const spec = objectOf(objects, 'ScaledObject', 'stockpipe-processor')['spec'] as ScaledSpec
    Object.assign(spec, { minReplicaCount: min, maxReplicaCount: max })
    for (const { metadata } of spec.triggers) {
      if (lag !== undefined) metadata['targetValue'] = String(lag)
      metadata['url'] = `http://stockpipe-api.${namespace}.svc:8080/v1/stats`
    }
    admit(objects, 'keda-to-api', of)
  }
}

interface HpaSpec {
  metrics: { pods?: { target: { averageValue: string } } }[]
}
interface ScaledSpec {
  triggers: { metadata: Record<string, string>; authenticationRef?: { name: string } }[]
}

/** Lets in the pods of another namespace than the manifest names. */
function admit(objects: readonly KubeObject[], policy: string, namespace: string): void {
  const spec = objectOf(objects, 'NetworkPolicy', policy)['spec'] as {
    ingress: { from: { namespaceSelector: { matchLabels: Record<string, string> } }[] }[]
  }
  for (const { from } of spec.ingress)
    for (const { namespaceSelector } of from)
      namespaceSelector.matchLabels = { 'kubernetes.io/metadata.name': namespace }
}

export function setApi(objects: readonly KubeObject[], values: Values): void {
  const { api } = values
  if (api.tokenSecret !== undefined) setToken(objects, api.tokenSecret, values.ui)
  if (values.grafana.liveTokenSecret !== undefined) setLiveToken(objects, values.grafana.liveTokenSecret)
  const door = { cluster: 'Service', 'load-balancer': 'Service', ingress: 'Ingress', gateway: 'Gateway' }[api.exposure]
  const { metadata } = objectOf(objects, door, 'stockpipe-api')
  if (api.annotations !== undefined) metadata.annotations = patched(metadata.annotations ?? {}, api.annotations)
  for (const ingress of ofKind(objects, 'Ingress')) setIngress(ingress['spec'] as IngressSpec, api)
  for (const gateway of ofKind(objects, 'Gateway')) setGateway(gateway['spec'] as GatewaySpec, api)
  for (const route of ofKind(objects, 'HTTPRoute')) Object.assign(route['spec'] as object, { hostnames: [api.host] })
}

interface IngressSpec {
  ingressClassName?: string
  tls: { hosts: string[]; secretName: string }[]
  rules: { host: string }[]
}
function setIngress(spec: IngressSpec, { host = '', tlsSecret, class: name }: Values['api']): void {
  if (name !== undefined) spec.ingressClassName = name
  for (const tls of spec.tls)
    Object.assign(tls, { hosts: [host] }, tlsSecret === undefined ? {} : { secretName: tlsSecret })
  for (const rule of spec.rules) rule.host = host
}

interface GatewaySpec {
  gatewayClassName: string
  listeners: { hostname: string; tls: { certificateRefs: { name: string }[] } }[]
}
function setGateway(spec: GatewaySpec, { host = '', tlsSecret, class: name = '' }: Values['api']): void {
  spec.gatewayClassName = name
  for (const listener of spec.listeners) {
    listener.hostname = host
    if (tlsSecret !== undefined) listener.tls.certificateRefs = [{ name: tlsSecret }]
  }
}

/** The api asks for it, and whoever asks the api within the cluster gets it too. */
function setToken(objects: readonly KubeObject[], secret: string, ui: Values['ui']): void {
  const api = workloadOf(objects, 'stockpipe-api')
  const container = mainContainer(api)
  setVariable(container, { name: 'STOCKPIPE_API_TOKEN_FILE', value: '/secrets/api-token/token' })
  container.volumeMounts?.push({ name: 'api-token', mountPath: '/secrets/api-token', readOnly: true })
  // 288 is 0440.
  api.spec.template.spec.volumes?.push({ name: 'api-token', secret: { secretName: secret, defaultMode: 288 } as never })
  const token = { valueFrom: { secretKeyRef: { name: secret, key: 'token' } } }
  setVariable(mainContainer(workloadOf(objects, 'grafana')), { name: 'STOCKPIPE_GRAFANA_API_TOKEN', ...token })
  setUiToken(workloadOf(objects, 'kafka-ui'), ui, token)
  for (const scaler of ofKind(objects, 'ScaledObject'))
    for (const trigger of (scaler['spec'] as ScaledSpec).triggers) {
      trigger.metadata['authMode'] = 'bearer'
      trigger.authenticationRef = { name: 'stockpipe-api' }
    }
  for (const login of ofKind(objects, 'TriggerAuthentication'))
    login['spec'] = { secretTargetRef: [{ parameter: 'token', name: secret, key: 'token' }] }
}

/** Whose it is, the manifest says; which Secret has it, only the values. */
function setLiveToken(objects: readonly KubeObject[], secretName: string): void {
  const volume = workloadOf(objects, 'stockpipe-api').spec.template.spec.volumes?.find(
    ({ name }) => name === 'grafana-live',
  )
  Object.assign((volume as unknown as { secret: object }).secret, { secretName })
}

function setUiToken(workload: Workload, ui: Values['ui'], token: { valueFrom: object }): void {
  const container = mainContainer(workload)
  if (ui === 'kafdrop') {
    // Not in CMD_ARGS: a command line is read by all who may list processes.
    setVariable(container, { name: 'API_TOKEN', ...token })
    setVariable(container, { name: 'SCHEMAREGISTRY_AUTH', value: 'stockpipe:$(API_TOKEN)' })
  } else {
    setVariable(container, { name: 'KAFKA_CLUSTERS_0_SCHEMAREGISTRYAUTH_USERNAME', value: 'stockpipe' })
    setVariable(container, { name: 'KAFKA_CLUSTERS_0_SCHEMAREGISTRYAUTH_PASSWORD', ...token })
  }
}
