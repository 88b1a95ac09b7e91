/** Everything that may be set about an installation. What is left out stays as the manifests and the profile have it. */
import * as v from 'valibot'

import { bytes, choice, cpus, dnsLabel, heap, hostName, imageReference, integer, objectName } from './fields.ts'
import { registry, secretName, text, truth, webAddress } from './fields.ts'
import { isMap } from '../patch.ts'

const map = <E extends v.ObjectEntries>(entries: E) => v.strictObject(entries, 'must be a map of keys')
const given = v.optional
/** A map that is always there, so that its own defaults are too. */
const always = <E extends v.ObjectEntries>(entries: E) =>
  v.pipe(
    v.optional(v.unknown(), {}),
    v.transform((value) => value ?? {}),
    map(entries),
  )

const share = map({ cpu: given(cpus), memory: given(bytes) })
const resources = given(map({ requests: given(share), limits: given(share) }))
const labels = v.record(v.string(), v.pipe(text))

const kafka = always({
  replicas: given(
    v.pipe(
      integer({ min: 1, max: 5 }),
      v.check(
        (count) => count % 2 === 1,
        'is not 1, 3 or 5: an even number survives no more than the odd one below it',
      ),
    ),
  ),
  storage: given(bytes),
  heap: given(heap),
  resources,
})

const autoscaling = always({
  by: given(choice(['none', 'hpa', 'keda']), 'none'),
  min: given(integer({ min: 1, max: 1_000 })),
  max: given(integer({ min: 1, max: 1_000 })),
  /** Records that may wait, per pod. */
  lag: given(integer({ min: 1, max: 1_000_000_000 })),
  /** Where KEDA runs. */
  namespace: given(dnsLabel, 'keda'),
})

const toleration = map({
  key: given(text),
  operator: given(choice(['Exists', 'Equal'])),
  value: given(text),
  effect: given(choice(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])),
  tolerationSeconds: given(integer({ min: 0, max: 1_000_000 })),
})

export const valuesSchema = map({
  namespace: given(dnsLabel, 'pipeline'),
  images: always({
    stockpipe: given(imageReference),
    kafka: given(imageReference),
    cassandra: given(imageReference),
    grafana: given(imageReference),
    kafkaUi: given(imageReference),
  }),
  /** In front of every image that names no registry itself; our own included. */
  registry: given(registry),
  pullSecret: given(objectName),
  storageClass: given(objectName),
  feed: given(choice(['simulated', 'finnhub']), 'simulated'),
  kafka,
  cassandra: always({
    replicas: given(integer({ min: 1, max: 100 })),
    storage: given(bytes),
    heap: given(heap),
    resources,
  }),
  producer: always({ storage: given(bytes), resources }),
  processor: always({ replicas: given(integer({ min: 1, max: 1_000 })), resources, autoscaling }),
  api: always({
    replicas: given(integer({ min: 1, max: 100 })),
    exposure: given(choice(['cluster', 'load-balancer', 'ingress', 'gateway']), 'cluster'),
    host: given(hostName),
    tlsSecret: given(objectName),
    /** Of the Ingress or the Gateway. */
    class: given(objectName),
    /** Existing Secret with the key `token` that callers must send. */
    tokenSecret: given(objectName),
    annotations: given(labels),
    resources,
  }),
  grafana: always({
    enabled: given(truth, true),
    /** `image`: they are in the image, in /plugins, and nothing is fetched. */
    plugins: given(choice(['fetch', 'image']), 'fetch'),
    /** Existing Secret with the key `token`, of a service account of this Grafana: then the api pushes trades into it. */
    liveTokenSecret: given(secretName),
    resources,
  }),
  ui: given(choice(['kafbat', 'kafdrop', 'none']), 'kafbat'),
  /** Existing Secrets in place of those that deploy makes. */
  secrets: always({
    cassandraSuperuser: given(secretName),
    cassandraWriter: given(secretName),
    cassandraReader: given(secretName),
    cassandraGrafana: given(secretName),
    grafanaAdmin: given(secretName),
    kafkaCluster: given(secretName),
    finnhub: given(secretName),
  }),
  networkPolicies: given(truth, true),
  monitoring: always({
    /** How Prometheus learns of pods and alerts: annotations that most set-ups go by, or objects of the Prometheus Operator. */
    by: given(choice(['annotations', 'operator']), 'annotations'),
    /** Of the operator's objects: a Prometheus takes those that have the labels it selects. */
    labels: given(labels),
    /** Where a Prometheus runs that may read /metrics. */
    namespace: given(dnsLabel),
    /** Its address, for Grafana; without it the dashboards and alerts that need it are left out. */
    prometheusUrl: given(webAddress),
  }),
  priorityClass: given(objectName),
  nodeSelector: given(labels),
  tolerations: given(v.array(toleration, 'must be a list, hence in a file')),
  /** Options of `stockpipe run`, as in its configuration file; checked by settings.ts. */
  settings: given(v.custom<Record<string, unknown>>(isMap, 'must be a map of options'), {}),
})

export type RawValues = v.InferOutput<typeof valuesSchema>
export type ResourceValues = NonNullable<RawValues['kafka']['resources']>
