import { describe, expect, test } from 'bun:test'

import type { Dashboard } from './grafana/dashboard.ts'
import { grafanaFiles } from './grafana/files.ts'
import type { KubeObject } from './object.ts'
import { containersOf, isWorkload, type Workload } from './pod.ts'
import { render } from './render.ts'
import { StockpipeError } from '../errors.ts'
import { readValues, type ValuesSource } from './values.ts'

const rendered = (source: ValuesSource): KubeObject[] => render(readValues(source))
const withSets = (...sets: string[]): KubeObject[] => rendered({ sets })

function workload(objects: readonly KubeObject[], name: string): Workload {
  const found = objects.find((object) => isWorkload(object) && object.metadata.name.startsWith(name))
  if (found === undefined || !isWorkload(found)) throw new Error(`no workload ${name}`)
  return found
}
const envOf = (objects: readonly KubeObject[], name: string): Record<string, string | undefined> =>
  Object.fromEntries(
    containersOf(workload(objects, name).spec.template).flatMap(({ env = [] }) =>
      env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom?.secretKeyRef?.name]),
    ),
  )
const configOf = (objects: readonly KubeObject[]) =>
  objects.find(({ metadata }) => metadata.name === 'stockpipe-config')?.['data'] as Record<string, string>
const names = (objects: readonly KubeObject[], kind: string): string[] =>
  objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name)
const argsOf = (objects: readonly KubeObject[], name: string) =>
  workload(objects, name).spec.template.spec.containers[0]?.args

function refusal(...sets: string[]): string {
  try {
    withSets(...sets)
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'config') return `${error.message}; ${error.why ?? ''}`
    throw error
  }
  throw new Error('it was taken')
}

describe('Kafka', () => {
  test('of three has three voters, three copies and two that must have a record; jobs wait for all', () => {
    const objects = withSets('kafka.replicas=3')
    expect(workload(objects, 'kafka').spec.replicas).toBe(3)
    expect(envOf(objects, 'kafka')).toMatchObject({
      KAFKA_CONTROLLER_QUORUM_VOTERS:
        '0@kafka-0.kafka-brokers:9093,1@kafka-1.kafka-brokers:9093,2@kafka-2.kafka-brokers:9093',
      KAFKA_DEFAULT_REPLICATION_FACTOR: '3',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '3',
      KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '3',
      KAFKA_MIN_INSYNC_REPLICAS: '2',
    })
    expect(configOf(objects)['STOCKPIPE_KAFKA_REPLICATION']).toBe('3')
    expect(argsOf(objects, 'setup-topics')).toContain('--nodes=3')
    expect(argsOf(objects, 'setup-schema')).toContain('--nodes=1')
  })

  test('by values is what the profile ha makes of it', () => {
    const sets = ['kafka.replicas=3', 'kafka.heap=1g', 'kafka.storage=32Gi']
    const own = rendered({ sets })
    expect(envOf(own, 'kafka')).toEqual(envOf(rendered({ profile: 'ha' }), 'kafka'))
  })
})

describe('Cassandra', () => {
  test('has one seed however many nodes: a second could not join a ring with data', () => {
    for (const objects of [withSets('cassandra.replicas=3'), rendered({ profile: 'ha' })])
      expect(envOf(objects, 'cassandra')['CASSANDRA_SEEDS']).toBe('cassandra-0.cassandra-nodes')
  })

  test('asks for logins and syncs before it acknowledges', () => {
    const flags = envOf(withSets(), 'cassandra')['JVM_EXTRA_OPTS']?.split(' ')
    for (const flag of [
      'authenticator=PasswordAuthenticator',
      'authorizer=CassandraAuthorizer',
      'commitlog_sync=group',
    ])
      expect(flags).toContain(`-Dcassandra.settings.${flag}`)
  })

  test('takes its heap as it writes it', () => {
    expect(envOf(withSets('cassandra.heap=1g'), 'cassandra')).toMatchObject({
      MAX_HEAP_SIZE: '1G',
      HEAP_NEWSIZE: '256M',
    })
  })
})

describe('sums', () => {
  test.each([
    [['kafka.heap=2g'], 'kafka has a heap of 2g and a memory limit of 1280Mi'],
    [['cassandra.heap=4G'], 'cassandra has a heap of 4G and a memory limit of 2560Mi'],
    [['api.resources.requests.memory=2Gi'], 'stockpipe-api requests memory 2Gi and may use 512Mi'],
    [['processor.resources.limits.cpu=50m'], 'stockpipe-processor requests cpu 100m and may use 50m'],
  ])('%j: %s', (sets, words) => {
    expect(refusal(...sets)).toContain(words)
  })

  test('are all told at once', () => {
    const words = refusal('kafka.heap=2g', 'cassandra.heap=4G')
    expect(words).toContain('kafka has')
    expect(words).toContain('cassandra has')
  })
})

describe('choices', () => {
  test('a registry is in front of what names none, and of nothing else', () => {
    const objects = withSets('registry=mirror.example.com/hub')
    const images = objects
      .filter(isWorkload)
      .flatMap(({ spec }) => containersOf(spec.template).map(({ image }) => image))
    expect(images).toContain('mirror.example.com/hub/apache/kafka:4.3.1')
    expect(images).toContain('ghcr.io/kafbat/kafka-ui:v1.5.0')
    expect(images.filter((image) => !/^(mirror\.example\.com\/hub|ghcr\.io)\//.test(image))).toEqual([])
  })

  test('a Secret of the user takes the place of ours everywhere', () => {
    const objects = withSets('secrets.cassandraWriter=mine')
    expect(names(objects, 'Secret')).not.toContain('cassandra-writer')
    expect(envOf(objects, 'stockpipe-processor')['STOCKPIPE_CASSANDRA_USERNAME']).toBe('mine')
    for (const name of ['stockpipe-processor', 'setup-schema']) {
      const volumes = workload(objects, name).spec.template.spec.volumes ?? []
      expect(volumes.map(({ secret }) => secret?.secretName)).toContain('mine')
    }
  })

  test('the token of Finnhub goes to the producer alone, and every role knows that the data is real', () => {
    const objects = withSets('feed=finnhub')
    const having = objects
      .filter(isWorkload)
      .filter(({ spec }) => spec.template.spec.volumes?.some(({ secret }) => secret?.secretName === 'finnhub'))
    expect(having.map(({ metadata }) => metadata.name)).toEqual(['stockpipe-producer'])
    expect(configOf(objects)['STOCKPIPE_FEED']).toBe('finnhub')
    expect(names(withSets(), 'Secret')).not.toContain('finnhub')
  })

  test('an autoscaler owns the number of processors, within what was asked for', () => {
    const objects = withSets('processor.autoscaling.by=keda', 'processor.autoscaling.max=6', 'namespace=market')
    expect(workload(objects, 'stockpipe-processor').spec.replicas).toBeUndefined()
    const scaler = objects.find(({ kind }) => kind === 'ScaledObject')
    expect(scaler?.['spec']).toMatchObject({
      minReplicaCount: 1,
      maxReplicaCount: 6,
      triggers: [
        { metadata: { url: 'http://stockpipe-api.market.svc:8080/v1/stats', valueLocation: 'data.lag_records' } },
      ],
    })
    expect(names(objects, 'TriggerAuthentication')).toEqual([])
    const guarded = withSets('processor.autoscaling.by=keda', 'api.tokenSecret=mine')
    expect(guarded.find(({ kind }) => kind === 'ScaledObject')?.['spec']).toMatchObject({
      triggers: [{ metadata: { authMode: 'bearer' }, authenticationRef: { name: 'stockpipe-api' } }],
    })
    expect(guarded.find(({ kind }) => kind === 'TriggerAuthentication')?.['spec']).toEqual({
      secretTargetRef: [{ parameter: 'token', name: 'mine', key: 'token' }],
    })
  })

  test('in ha there are three processors at least, also with an autoscaler', () => {
    const objects = rendered({ profile: 'ha', sets: ['processor.autoscaling.by=hpa'] })
    const scaler = objects.find(({ kind }) => kind === 'HorizontalPodAutoscaler')
    expect(scaler?.['spec']).toMatchObject({ minReplicas: 3, maxReplicas: 4 })
    expect(names(objects, 'PodDisruptionBudget')).toContain('stockpipe-processor')
  })

  test('what asks Prometheus is there where there is one', () => {
    const without = names(withSets(), 'ConfigMap')
    const sets = ['monitoring.namespace=m', 'monitoring.prometheusUrl=http://p.m:9090']
    const more = names(withSets(...sets), 'ConfigMap').filter((name) => !without.includes(name))
    expect(more.sort()).toEqual(['grafana-alerting', 'grafana-dashboard-pipeline', 'grafana-dashboard-resources'])
  })

  test('Market live offers the symbols that are followed', () => {
    const listOf = (...sets: string[]) => {
      const { data } = withSets(...sets).find(({ metadata }) => metadata.name === 'grafana-dashboard-market-live') as {
        data?: Record<string, string>
      }
      const { templating } = JSON.parse(data?.['market-live.json'] ?? '{}') as Dashboard
      return templating.list[0]?.query
    }
    expect(listOf('settings.symbols=AAPL,OANDA:EUR_USD')).toBe('AAPL : AAPL,OANDA:EUR_USD : OANDA_EUR_USD')
    expect(listOf()).toContain('BINANCE:BTCUSDT : BINANCE_BTCUSDT,')
  })

  test('Grafana is given what its data sources ask for, also the token of an api that wants one, and nothing else', () => {
    const asked = grafanaFiles()
      .get('provisioning/datasources/stockpipe.yaml')
      ?.match(/STOCKPIPE_\w+/g)
    const given = envOf(withSets('api.tokenSecret=mine'), 'grafana')
    const names = Object.keys(given).filter((name) => name.startsWith('STOCKPIPE_'))
    expect(names.toSorted()).toEqual([...new Set(asked)].toSorted())
    expect(given['STOCKPIPE_GRAFANA_API_TOKEN']).toBe('mine')
  })

  test('the api pushes into Grafana with the token of the Secret that is named, once one is', () => {
    expect(Object.keys(envOf(withSets(), 'stockpipe-api')).join()).not.toContain('GRAFANA_LIVE')
    const live = withSets('grafana.liveTokenSecret=mine')
    expect(envOf(live, 'stockpipe-api')).toMatchObject({
      STOCKPIPE_GRAFANA_LIVE_URL: 'http://grafana:3000',
      STOCKPIPE_GRAFANA_LIVE_TOKEN_FILE: '/secrets/grafana-live/token',
    })
    expect(workload(live, 'stockpipe-api').spec.template.spec.volumes).toContainEqual(
      expect.objectContaining({ name: 'grafana-live', secret: { secretName: 'mine', defaultMode: 288 } }),
    )
    expect(() => withSets('grafana.liveTokenSecret=mine', 'grafana.enabled=false')).toThrow()
  })

  test('Kafdrop serves its health, which has a port of its own, where the probes ask', () => {
    const objects = withSets('ui=kafdrop')
    const [container] = workload(objects, 'kafka-ui').spec.template.spec.containers
    expect(container?.ports).toMatchObject([{ containerPort: 8080 }])
    expect(envOf(objects, 'kafka-ui')).toMatchObject({ SERVER_PORT: '8080', MANAGEMENT_SERVER_PORT: '8080' })
  })

  test('Kafdrop sends the token of the api', () => {
    const objects = withSets('ui=kafdrop', 'api.tokenSecret=api-token')
    expect(envOf(objects, 'kafka-ui')).toMatchObject({ SCHEMAREGISTRY_AUTH: 'stockpipe:$(API_TOKEN)' })
    expect(envOf(withSets('ui=kafdrop'), 'kafka-ui')).not.toHaveProperty('SCHEMAREGISTRY_AUTH')
  })

  test.each([
    ['http://prometheus-server.m', [80, 9090]],
    ['https://p.m/prometheus', [443, 9090]],
    ['http://p.m:9090', [9090]],
  ])('Grafana may reach the port of %s and that of the pods behind it', (url, ports) => {
    const objects = withSets('monitoring.namespace=m', `monitoring.prometheusUrl=${url}`)
    const policy = objects.find(({ metadata }) => metadata.name === 'grafana-to-prometheus')
    expect(policy?.['spec']).toMatchObject({ egress: [{ ports: ports.map((port) => ({ protocol: 'TCP', port })) }] })
  })

  test('a Prometheus learns of the pods by annotations, or by objects of its operator, never by both', () => {
    const isScraped = (objects: readonly KubeObject[]) =>
      ['producer', 'processor', 'api'].map(
        (role) => workload(objects, `stockpipe-${role}`).spec.template.metadata.annotations?.['prometheus.io/scrape'],
      )
    const annotated = withSets('monitoring.namespace=m')
    expect(isScraped(annotated)).toEqual(['true', 'true', 'true'])
    expect([...names(annotated, 'ServiceMonitor'), ...names(annotated, 'PrometheusRule')]).toEqual([])
    const sets = [
      'monitoring.namespace=m',
      'monitoring.by=operator',
      'monitoring.labels.release=mine',
      'namespace=market',
    ]
    const operated = withSets(...sets)
    expect(isScraped(operated)).toEqual([undefined, undefined, undefined])
    for (const kind of ['ServiceMonitor', 'PrometheusRule'])
      expect(operated.find((object) => object.kind === kind)?.metadata).toMatchObject({
        namespace: 'market',
        labels: { release: 'mine', 'app.kubernetes.io/part-of': 'stockpipe' },
      })
  })

  test('plug-ins in the image of Grafana are neither fetched nor covered', () => {
    const grafana = workload(withSets('grafana.plugins=image'), 'grafana')
    const [container] = grafana.spec.template.spec.containers
    expect(container?.env?.map(({ name }) => name)).not.toContain('GF_PLUGINS_PREINSTALL_SYNC')
    expect(container?.volumeMounts?.map(({ mountPath }) => mountPath)).not.toContain('/plugins')
  })
})
