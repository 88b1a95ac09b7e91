import { describe, expect, test } from 'bun:test'

import type { KubeObject } from '../../src/deploy/object.ts'
import { type Container, isWorkload, type PodSpec, type Workload } from '../../src/deploy/pod.ts'
import { COMBINATIONS, rendered } from './combinations.ts'
import { lint, RULE_NAMES } from './lint.ts'

test.each(COMBINATIONS.map((source) => [source.profile, source.sets?.join(' ') ?? '', source] as const))(
  '%s with "%s" keeps to every rule',
  (_, __, source) => {
    expect(lint(rendered(source))).toEqual([])
  },
)

type Change = (objects: KubeObject[]) => void
const named = (objects: readonly KubeObject[], kind: string, name: string): KubeObject => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name))
  if (found === undefined) throw new Error(`no ${kind} ${name}`)
  return found
}
const workload = (objects: readonly KubeObject[], name: string): Workload => {
  const found = objects.find((object) => isWorkload(object) && object.metadata.name.startsWith(name))
  if (found === undefined || !isWorkload(found)) throw new Error(`no workload ${name}`)
  return found
}
const inPod =
  (name: string, change: (spec: PodSpec) => void): Change =>
  (objects) =>
    change(workload(objects, name).spec.template.spec)
const inContainer = (name: string, change: (container: Container) => void): Change =>
  inPod(name, ({ containers }) => containers.slice(0, 1).forEach(change))
const inSpec =
  (kind: string, name: string, change: (spec: Record<string, unknown>) => void): Change =>
  (objects) =>
    change(named(objects, kind, name)['spec'] as Record<string, unknown>)
const variable = (name: string, value: string) => (container: Container) => {
  container.env = (container.env ?? []).map((one) => (one.name === name ? { name, value } : one))
}
const secure = (fields: Record<string, unknown>) => (it: { securityContext?: Record<string, unknown> }) => {
  it.securityContext = { ...it.securityContext, ...fields }
}
const inConfig =
  (name: string, value: string): Change =>
  (objects) =>
    Object.assign(named(objects, 'ConfigMap', 'stockpipe-config')['data'] as object, { [name]: value })

const monitored =
  ({ services, name, port }: { services: number; name: string; port: string }): Change =>
  (objects) => {
    const labels = { monitored: 'yes' }
    for (let index = 0; index < services; index++)
      objects.push({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: `metrics-${index}`, labels },
        spec: {
          selector: { 'app.kubernetes.io/name': name },
          ports: [{ name: 'http', port: 8080, targetPort: 'http' }],
        },
      })
    objects.push({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata: { name: 'x' },
      spec: { selector: { matchLabels: labels }, endpoints: [{ port }] },
    })
  }

const READ_ONCE = 'a monitor reads every role once, by a port that it has'

/** For each rule at least one way to break it, on the profile `ha`. */
const BREACHES: readonly (readonly [string, Change])[] = [
  ['a container gains no privileges', inContainer('kafka', secure({ allowPrivilegeEscalation: true }))],
  ['a container gains no privileges', inContainer('kafka', secure({ allowPrivilegeEscalation: undefined }))],
  ['a container gains no privileges', inContainer('kafka', secure({ privileged: true }))],
  ['a container drops every capability', inContainer('cassandra', secure({ capabilities: { drop: ['NET_RAW'] } }))],
  [
    'a container drops every capability',
    inContainer('cassandra', secure({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } })),
  ],
  ['a container overrides nothing of its pod', inContainer('grafana', secure({ runAsUser: 0 }))],
  ['a root file system is read-only', inContainer('grafana', secure({ readOnlyRootFilesystem: false }))],
  ['an image has a version', inContainer('kafka', (it) => void (it.image = 'apache/kafka:latest'))],
  ['an image has a version', inContainer('kafka', (it) => void (it.image = 'localhost:5000/kafka'))],
  ['an image is of a source that lasts', inContainer('kafka', (it) => void (it.image = 'bitnami/kafka:4.3.1'))],
  ['an image is pulled where it is missing', inContainer('kafka', (it) => void (it.imagePullPolicy = 'Always'))],
  ['a container says what it needs and may use', inContainer('kafka', (it) => void delete it.resources?.limits)],
  [
    'a container says what it needs and may use',
    inPod('cassandra', ({ initContainers }) => initContainers?.forEach((it) => void delete it.resources)),
  ],
  ['a container has no hooks', inContainer('cassandra', (it) => void (it.lifecycle = { postStart: {} }))],
  ['a server says when it is started and ready', inContainer('stockpipe-api', (it) => void delete it.readinessProbe)],
  ['a probe starts no program', inContainer('kafka', (it) => void (it.livenessProbe = { exec: { command: ['ls'] } }))],
  [
    'a probe asks a port that is there',
    inContainer('kafka', (it) => void (it.readinessProbe = { tcpSocket: { port: 'client' } })),
  ],
  [
    'a variable is set once, after those that it names',
    inContainer('kafka', (it) => void (it.env = it.env?.toReversed() ?? [])),
  ],
  [
    'a mount has its volume, and a path of its own',
    inContainer('kafka', (it) => void it.volumeMounts?.push({ name: 'lost', mountPath: '/lost' })),
  ],
  [
    'what must last is mounted exactly at the volume of the image',
    inContainer('kafka', (it) =>
      it.volumeMounts?.forEach((one) => void (one.name === 'data' && (one.mountPath = '/var/lib/kafka'))),
    ),
  ],
  [
    'what must last is mounted exactly at the volume of the image',
    inContainer('stockpipe-producer', (it) => void (it.volumeMounts = [])),
  ],
  [
    'Kafka writes below its volume, never at it',
    inContainer('kafka', variable('KAFKA_LOG_DIRS', '/var/lib/kafka/data')),
  ],
  ['a heap is set, and leaves room', inContainer('cassandra', variable('MAX_HEAP_SIZE', '8G'))],
  ['a heap is set, and leaves room', inContainer('kafka', variable('KAFKA_HEAP_OPTS', ''))],
  ['a pod runs as a user with a number, never root', inPod('grafana', secure({ runAsUser: undefined }))],
  ['a pod runs as a user with a number, never root', inPod('grafana', secure({ runAsUser: 0 }))],
  ['a pod runs as a user with a number, never root', inPod('grafana', secure({ runAsNonRoot: undefined }))],
  ['a pod has the default seccomp profile', inPod('kafka', secure({ seccompProfile: { type: 'Unconfined' } }))],
  ['a pod stays in its own namespaces', inPod('kafka', (spec) => void (spec['hostNetwork'] = true))],
  [
    'a volume is of a kind that restricted allows',
    inPod('kafka', (spec) => void spec.volumes?.push({ name: 'host', hostPath: { path: '/' } })),
  ],
  ['what a pod may fill has a size', inPod('kafka', (spec) => void spec.volumes?.push({ name: 'x', emptyDir: {} }))],
  ['a pod asks Kubernetes for nothing', inPod('kafka', (spec) => void delete spec['automountServiceAccountToken'])],
  ['a pod is not told of services by variables', inPod('kafka', (spec) => void delete spec['enableServiceLinks'])],
  ['a pod has time to end', inPod('stockpipe-api', (spec) => void (spec['terminationGracePeriodSeconds'] = 5))],
  ['a server with data has longer', inPod('kafka', (spec) => void (spec['terminationGracePeriodSeconds'] = 30))],
  [
    'selectors are labels of the pods',
    (all) => void (workload(all, 'stockpipe-api').spec.template.metadata.labels['app.kubernetes.io/component'] = 'web'),
  ],
  [
    'selectors hold nothing that an upgrade changes',
    inSpec(
      'Deployment',
      'grafana',
      (spec) => void (spec['selector'] = { matchLabels: { 'app.kubernetes.io/version': '1' } }),
    ),
  ],
  [
    'pods that may be several spread over nodes',
    inPod('stockpipe-processor', (spec) => void delete spec.topologySpreadConstraints),
  ],
  [
    'a spread counts its own pods',
    inPod('kafka', (spec) => spec.topologySpreadConstraints?.forEach((one) => void delete one['labelSelector'])),
  ],
  [
    'a spread that insists says over how many',
    inPod('kafka', (spec) => spec.topologySpreadConstraints?.forEach((one) => void delete one['minDomains'])),
  ],
  [
    'a change of settings is a change of pods',
    (all) => void delete workload(all, 'stockpipe-api').spec.template.metadata.annotations,
  ],
  [
    'Kafka starts at once, Cassandra in order',
    inSpec('StatefulSet', 'kafka', (spec) => void (spec['podManagementPolicy'] = 'OrderedReady')),
  ],
  [
    'volumes outlive their set',
    inSpec('StatefulSet', 'kafka', (spec) => void delete spec['persistentVolumeClaimRetentionPolicy']),
  ],
  [
    'one number has one owner',
    (all) =>
      void all.push({
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'stockpipe-processor' },
        spec: { scaleTargetRef: { name: 'stockpipe-processor' }, minReplicas: 3 },
      }),
  ],
  [
    'a budget is there exactly for several pods',
    inSpec('Deployment', 'stockpipe-api', (spec) => void (spec['replicas'] = 1)),
  ],
  [
    'a budget is there exactly for several pods',
    inSpec('Deployment', 'grafana', (spec) => void (spec['replicas'] = 2)),
  ],
  ['the feed has one reader', inSpec('Deployment', 'stockpipe-producer', (spec) => void delete spec['strategy'])],
  ['an address leads to a service, a pod and a port of the render', inConfig('STOCKPIPE_KAFKA_BROKERS', 'kafka:9092')],
  [
    'an address leads to a service, a pod and a port of the render',
    inConfig('STOCKPIPE_KAFKA_BROKERS', 'kafka-bootstrap:9094'),
  ],
  [
    'an address leads to a service, a pod and a port of the render',
    inSpec('StatefulSet', 'kafka', (spec) => void (spec['replicas'] = 1)),
  ],
  [
    'an address leads to a service, a pod and a port of the render',
    inContainer('kafka', variable('KAFKA_ADVERTISED_LISTENERS', 'PLAINTEXT://$(POD_NAME).brokers:9092')),
  ],
  [
    'a service has pods',
    inSpec('Service', 'grafana', (spec) => void (spec['selector'] = { 'app.kubernetes.io/name': 'other' })),
  ],
  [
    'a port of a service is a named port of its pods',
    inSpec('Service', 'grafana', (spec) => void (spec['ports'] = [{ name: 'http', port: 3000, targetPort: 'web' }])),
  ],
  [
    'no service is named so that its variables are settings of Kafka',
    (all) => void (named(all, 'Service', 'kafka-bootstrap').metadata.name = 'kafka'),
  ],
  [
    'names of servers are known before they are ready',
    inSpec('Service', 'kafka-brokers', (spec) => void delete spec['publishNotReadyAddresses']),
  ],
  [
    'a ConfigMap or Secret that a pod reads is there',
    (all) => void all.splice(all.indexOf(named(all, 'Secret', 'cassandra-reader')), 1),
  ],
  [
    'a ConfigMap or Secret that a pod reads is there',
    inContainer('grafana', (it) => void (it.envFrom = [{ configMapRef: { name: 'lost' } }])),
  ],
  ['a ConfigMap has a reader', inPod('grafana', (spec) => void (spec.volumes = []))],
  [
    'a key of a Secret is one that it has',
    (all) => void (named(all, 'Secret', 'cassandra-reader').metadata.annotations = { 'stockpipe.dev/keys': 'user' }),
  ],
  [
    'a claim that a pod mounts is there',
    (all) => void all.splice(all.indexOf(named(all, 'PersistentVolumeClaim', 'stockpipe-producer')), 1),
  ],
  [
    'a pod has an account of its own, without a token',
    inPod('kafka', (spec) => void (spec.serviceAccountName = 'default')),
  ],
  ['an account has a pod', inPod('kafka', (spec) => void (spec.serviceAccountName = 'cassandra'))],
  [READ_ONCE, monitored({ services: 1, name: 'stockpipe', port: 'metrics' })],
  [READ_ONCE, monitored({ services: 1, name: 'grafana', port: 'http' })],
  [READ_ONCE, monitored({ services: 0, name: 'stockpipe', port: 'http' })],
  [READ_ONCE, monitored({ services: 2, name: 'stockpipe', port: 'http' })],
  [
    'an autoscaler scales a Deployment that is there',
    (all) =>
      void all.push({
        apiVersion: 'keda.sh/v1alpha1',
        kind: 'ScaledObject',
        metadata: { name: 'x' },
        spec: { scaleTargetRef: { name: 'x' }, triggers: [] },
      }),
  ],
  [
    'a budget is over pods that are there, and lets one go',
    inSpec('PodDisruptionBudget', 'kafka', (spec) => void (spec['maxUnavailable'] = 0)),
  ],
  [
    'everything is in the namespace that is rendered',
    (all) => void (named(all, 'Service', 'grafana').metadata.namespace = 'default'),
  ],
  ['names are given once', (all) => void all.push(named(all, 'Service', 'grafana'))],
  ['everything says what it belongs to', (all) => void delete named(all, 'Service', 'grafana').metadata.labels],
  ['a STOCKPIPE_ variable is an option', inConfig('STOCKPIPE_PARTITION', '12')],
  ['a role takes its settings', inConfig('STOCKPIPE_PARTITIONS', 'twelve')],
  ['a role takes its settings', inContainer('stockpipe-api', variable('STOCKPIPE_LISTEN', '127.0.0.1:8080'))],
  [
    'a secret is no text of the render',
    (all) => void (named(all, 'Secret', 'grafana-admin')['data'] = { password: 'c2VjcmV0' }),
  ],
  [
    'a secret is no text of the render',
    inContainer('grafana', (it) => void it.env?.push({ name: 'GF_SECURITY_ADMIN_PASSWORD', value: 'secret' })),
  ],
  ...(['args', 'command'] as const).map((words): [string, Change] => [
    'a secret is in no command line',
    inContainer('grafana', (it) => {
      it.env?.push({ name: 'LOGIN', valueFrom: { secretKeyRef: { name: 'grafana-admin', key: 'password' } } })
      it[words] = ['--login=admin:$(LOGIN)']
    }),
  ]),
  [
    'a secret is in no command line',
    inContainer('kafka-ui', (it) => {
      it.env?.push({ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'grafana-admin', key: 'password' } } })
      it.env?.push({ name: 'LOGIN', value: 'stockpipe:$(TOKEN)' }, { name: 'CMD_ARGS', value: '--auth=$(LOGIN)' })
    }),
  ],
  ['a Secret says what it holds', (all) => void delete named(all, 'Secret', 'grafana-admin').metadata.annotations],
  ['a ConfigMap is below what Kubernetes takes', inConfig('STOCKPIPE_SYMBOLS', 'A'.repeat(1_000_000))],
]

describe('a breach is noticed', () => {
  test.each(BREACHES)('%s (%#)', (rule, breach) => {
    const objects = structuredClone(rendered({ profile: 'ha' }))
    breach(objects)
    expect(lint(objects).map((found) => found.slice(0, found.indexOf(':')))).toContain(rule)
  })

  test('of every rule', () => {
    expect(RULE_NAMES.filter((name) => !BREACHES.some(([rule]) => rule === name))).toEqual([])
  })
})
