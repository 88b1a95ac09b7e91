/** Profiles and values that the rules are tried on. */
import type { KubeObject } from '../../src/deploy/object.ts'
import { PROFILES } from '../../src/deploy/profile.ts'
import { render } from '../../src/deploy/render.ts'
import { readValues, type ValuesSource } from '../../src/deploy/values.ts'

const SETS: readonly (readonly string[])[] = [
  [],
  ['feed=finnhub'],
  ['feed=finnhub', 'secrets.finnhub=existing-finnhub'],
  ['ui=kafdrop'],
  ['grafana.plugins=image'],
  [`images.grafana=mirror.example.com/grafana@sha256:${'1'.repeat(64)}`],
  ['ui=none', 'grafana.enabled=false'],
  ['networkPolicies=false'],
  ['processor.autoscaling.by=hpa', 'monitoring.namespace=observability'],
  ['processor.autoscaling.by=keda', 'processor.autoscaling.namespace=keda-system'],
  [
    'processor.autoscaling.by=hpa',
    'processor.autoscaling.min=2',
    'processor.autoscaling.max=8',
    'processor.autoscaling.lag=900',
  ],
  ['monitoring.namespace=observability', 'monitoring.prometheusUrl=http://prometheus.observability:9090'],
  ['monitoring.by=operator', 'monitoring.namespace=observability', 'monitoring.labels.release=prometheus'],
  ['api.exposure=load-balancer'],
  ['api.exposure=ingress', 'api.host=market.example.com', 'api.tlsSecret=market-tls', 'api.class=nginx'],
  ['api.exposure=gateway', 'api.host=market.example.com', 'api.class=istio', 'api.tokenSecret=existing-token'],
  ['ui=kafdrop', 'api.tokenSecret=existing-token'],
  ['grafana.liveTokenSecret=existing-live'],
  ['kafka.replicas=3', 'cassandra.replicas=3', 'api.replicas=2', 'processor.replicas=2'],
  ['kafka.replicas=1', 'cassandra.replicas=1', 'api.replicas=1', 'processor.replicas=1'],
  ['kafka.replicas=5', 'cassandra.replicas=6', 'settings.partitions=48', 'processor.replicas=24'],
  ['kafka.heap=256m', 'cassandra.heap=1G', 'kafka.storage=20Gi', 'cassandra.storage=1Ti', 'storageClass=fast'],
  [
    'namespace=other',
    'settings.symbols=AAPL,BINANCE:BTCUSDT',
    'settings.retention-trades=forever',
    'settings.delay=20s',
  ],
  ['registry=mirror.example.com/hub', 'pullSecret=mirror', 'priorityClass=high', 'nodeSelector.disk=ssd'],
  [`images.stockpipe=ghcr.io/acme/stockpipe:9.9.9@sha256:${'0'.repeat(64)}`, 'images.kafka=apache/kafka:4.3.2'],
  [
    'secrets.cassandraWriter=existing-writer',
    'secrets.grafanaAdmin=existing-admin',
    'secrets.kafkaCluster=existing-id',
  ],
]

export const COMBINATIONS: readonly ValuesSource[] = PROFILES.flatMap((profile) =>
  SETS.map((sets) => ({ profile, sets })),
)

export const rendered = (source: ValuesSource = {}): KubeObject[] => render(readValues(source))
