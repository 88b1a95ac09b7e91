/** Pods and what belongs to them, for the tests of the cluster itself. */
import type { ApiObject } from './api.ts'
import type { Image } from './image.ts'
import { busyboxLayer } from './busybox-layer.ts'

export const PROBE_IMAGE = 'localhost/stockpipe-test-probe:1'

/** A shell, a web server and a web client. */
export const probeImage = (): Image => ({
  tag: PROBE_IMAGE,
  config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
  layers: [busyboxLayer({})],
})

export interface PodOptions {
  namespace: string
  name: string
  /** A shell's. */
  command: string
  labels?: Readonly<Record<string, string>>
  /** Mounted at /data. */
  claim?: string
}

/** As the restricted profile wants it. */
export function pod({ namespace, name, command, labels = {}, claim }: PodOptions): ApiObject {
  const volume = claim === undefined ? { emptyDir: {} } : { persistentVolumeClaim: { claimName: claim } }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name, ...labels } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [{ name: 'data', ...volume }],
      containers: [
        {
          name: 'main',
          image: PROBE_IMAGE,
          imagePullPolicy: 'Never',
          command: ['sh', '-c', command],
          ports: [{ name: 'http', containerPort: 8080 }],
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
          resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  }
}

export const namespace = (name: string): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
})

/** Of the pods labelled `app: <name>`, at their port 8080. */
export const service = (space: string, name: string): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: space },
  spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
})

export const claim = (space: string, name: string): ApiObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: space },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
})

/** Lets only pods with the labels reach those labelled `app: <name>`. */
export const onlyFrom = (space: string, name: string, labels: Readonly<Record<string, string>>): ApiObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: space },
  spec: {
    podSelector: { matchLabels: { app: name } },
    policyTypes: ['Ingress'],
    ingress: [{ from: [{ podSelector: { matchLabels: labels } }], ports: [{ port: 8080 }] }],
  },
})

/** Lets pods labelled `role: <name>` reach nothing but names, and what the rule says. */
export const onlyTo = (space: string, name: string, rule: object): ApiObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: space },
  spec: {
    podSelector: { matchLabels: { role: name } },
    policyTypes: ['Egress'],
    egress: [
      {
        to: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
            podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
          },
        ],
        ports: [{ port: 53, protocol: 'UDP' }],
      },
      rule,
    ],
  },
})
