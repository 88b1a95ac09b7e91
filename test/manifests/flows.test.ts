import { describe, expect, test } from 'bun:test'

import type { KubeObject } from '../../src/deploy/object.ts'
import { isWorkload } from '../../src/deploy/pod.ts'
import { rendered } from './combinations.ts'
import { type Flow, isAllowed, type Peer } from './flows.ts'

const NAMESPACE = 'pipeline'
const PODS = [
  'kafka',
  'cassandra',
  'setup-topics',
  'setup-schema',
  'stockpipe-producer',
  'stockpipe-processor',
  'stockpipe-api',
  'grafana',
  'kafka-ui',
] as const
const TOOL = 'tool'
const STRANGER = 'stranger'
const PORTS = [9092, 9093, 9042, 7000, 7199, 8080, 3000, 443]

/** Exactly what the pipeline needs between its pods: from, to, port. */
const NEEDED = new Set([
  'kafka kafka 9092',
  'kafka kafka 9093',
  'cassandra cassandra 7000',
  'setup-topics kafka 9092',
  'setup-topics cassandra 9042',
  'setup-schema kafka 9092',
  'setup-schema cassandra 9042',
  'stockpipe-producer kafka 9092',
  'stockpipe-processor kafka 9092',
  'stockpipe-processor cassandra 9042',
  'stockpipe-api kafka 9092',
  'stockpipe-api cassandra 9042',
  'kafka-ui kafka 9092',
  'kafka-ui stockpipe-api 8080',
  'grafana cassandra 9042',
  'grafana stockpipe-api 8080',
  'tool kafka 9092',
  'tool cassandra 9042',
  'tool stockpipe-api 8080',
  'tool kafka-ui 8080',
  'tool grafana 3000',
])

function peersOf(objects: readonly KubeObject[]): Map<string, Peer> {
  const peers = new Map<string, Peer>()
  for (const name of PODS) {
    const found = objects.find((object) => isWorkload(object) && object.metadata.name.startsWith(name))
    if (found !== undefined && isWorkload(found))
      peers.set(name, { namespace: NAMESPACE, labels: found.spec.template.metadata.labels })
  }
  const tool = { 'app.kubernetes.io/name': 'stockpipe', 'app.kubernetes.io/component': 'tool' }
  peers.set(TOOL, { namespace: NAMESPACE, labels: tool })
  peers.set(STRANGER, { namespace: NAMESPACE, labels: {} })
  return peers
}

const inside = (objects: readonly KubeObject[]): string[] => {
  const peers = [...peersOf(objects)]
  return peers.flatMap(([a, from]) =>
    peers.flatMap(([b, to]) =>
      PORTS.filter((port) => isAllowed({ from, to, port }, objects)).map((port) => `${a} ${b} ${port}`),
    ),
  )
}

const minikube = rendered()
const outside = (address: string): Peer => ({ namespace: '', labels: {}, address })
const far = (namespace: string, labels = {}): Peer => ({ namespace, labels })

/** Which of our pods the flow is open for. */
const openFor = (objects: readonly KubeObject[], flow: (pod: Peer) => Flow): string[] =>
  [...peersOf(objects)].filter(([, pod]) => isAllowed(flow(pod), objects)).map(([name]) => name)

describe('network policies', () => {
  test('let pass what the pipeline needs, and nothing else', () => {
    expect(inside(minikube).sort()).toEqual([...NEEDED].sort())
  })

  test('let the api push into Grafana where it is told to, and nobody else', () => {
    const live = rendered({ sets: ['grafana.liveTokenSecret=mine'] })
    expect(inside(live).sort()).toEqual([...NEEDED, 'stockpipe-api grafana 3000'].sort())
  })

  test('let every pod ask for names, and only the DNS of the cluster', () => {
    for (const protocol of ['UDP', 'TCP'] as const) {
      const ask = (to: Peer) => openFor(minikube, (from) => ({ from, to, port: 53, protocol }))
      expect(ask(far('kube-system'))).toEqual([...PODS, TOOL, STRANGER])
      expect(ask(outside('169.254.20.10'))).toEqual([...PODS, TOOL, STRANGER])
      expect(ask(far('elsewhere'))).toEqual([])
      expect(ask(outside('8.8.8.8'))).toEqual([])
    }
  })

  test('let nothing in from other namespaces or from outside', () => {
    for (const from of [far('default'), far('kube-system'), outside('10.1.2.3'), outside('203.0.113.7')])
      for (const port of PORTS) expect(openFor(minikube, (to) => ({ from, to, port }))).toEqual([])
  })

  test('let Grafana fetch its plug-in, and the producer reach Finnhub once it is the feed', () => {
    const internet = (objects: readonly KubeObject[]) =>
      openFor(objects, (from) => ({ from, to: outside('203.0.113.7'), port: 443 }))
    expect(internet(minikube)).toEqual(['grafana'])
    expect(internet(rendered({ sets: ['feed=finnhub'] }))).toEqual(['stockpipe-producer', 'grafana'])
    expect(internet(rendered({ sets: ['grafana.plugins=image'] }))).toEqual([])
    const home = openFor(rendered({ sets: ['feed=finnhub'] }), (from) => ({ from, to: outside('10.1.2.3'), port: 443 }))
    expect(home).toEqual([])
  })

  test.each(['load-balancer', 'ingress', 'gateway'])(
    'let anybody reach the api by a %s, and nothing else',
    (exposure) => {
      const sets = [`api.exposure=${exposure}`, 'api.host=market.example.com', 'api.class=some']
      const objects = rendered({ sets })
      const from = outside('203.0.113.7')
      expect(openFor(objects, (to) => ({ from, to, port: 8080 }))).toEqual(['stockpipe-api'])
      for (const port of PORTS.filter((one) => one !== 8080))
        expect(openFor(objects, (to) => ({ from, to, port }))).toEqual([])
    },
  )

  test('let the namespace of Prometheus read the roles, and that of KEDA the api', () => {
    const objects = rendered({
      sets: [
        'monitoring.namespace=observability',
        'monitoring.prometheusUrl=http://prometheus.observability:9091',
        'processor.autoscaling.by=keda',
        'processor.autoscaling.namespace=scaling',
      ],
    })
    const reach = (namespace: string) => openFor(objects, (to) => ({ from: far(namespace), to, port: 8080 }))
    expect(reach('observability')).toEqual(['stockpipe-producer', 'stockpipe-processor', 'stockpipe-api'])
    expect(reach('scaling')).toEqual(['stockpipe-api'])
    expect([reach('monitoring'), reach('keda')]).toEqual([[], []])
    const prometheus = (port: number) => openFor(objects, (from) => ({ from, to: far('observability'), port }))
    expect([9091, 9090, 9093].map(prometheus)).toEqual([['grafana'], ['grafana'], []])
  })

  test('are all gone when nobody wants them', () => {
    const objects = rendered({ sets: ['networkPolicies=false'] })
    expect(objects.filter(({ kind }) => kind === 'NetworkPolicy')).toEqual([])
  })

  test('do not pass the table when one of them is missing', () => {
    const names = minikube.filter(({ kind }) => kind === 'NetworkPolicy').map(({ metadata }) => metadata.name)
    expect(names.length).toBeGreaterThan(8)
    const without = (name: string) => minikube.filter((object) => object.metadata.name !== name)
    for (const name of names.filter((one) => one !== 'dns' && one !== 'default-deny'))
      expect([name, inside(without(name)).sort()]).not.toEqual([name, [...NEEDED].sort()])
    const ask = (objects: readonly KubeObject[]) =>
      openFor(objects, (from) => ({ from, to: far('kube-system'), port: 53, protocol: 'UDP' }))
    expect(ask(without('dns'))).toEqual([])
    const enter = (objects: readonly KubeObject[]) =>
      openFor(objects, (to) => ({ from: far('default'), to, port: 8080 }))
    expect(enter(without('default-deny'))).toContain('stockpipe-producer')
  })
})
