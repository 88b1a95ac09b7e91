import { describe, expect, test } from 'bun:test'

import { StockpipeError } from '../errors.ts'
import { readValues, type ValuesSource } from './values.ts'

function refusal(source: ValuesSource): string {
  try {
    readValues(source)
  } catch (error) {
    if (error instanceof StockpipeError && error.code === 'config') return `${error.message}; ${error.why ?? ''}`
    throw error
  }
  throw new Error('it was taken')
}
const refusalOf = (...sets: string[]): string => refusal({ sets })

describe('values', () => {
  test('without any are the defaults of minikube', () => {
    expect(readValues()).toMatchObject({
      profile: 'minikube',
      namespace: 'pipeline',
      ui: 'kafbat',
      feed: 'simulated',
      networkPolicies: true,
      grafana: { enabled: true },
      processor: { autoscaling: { by: 'none' } },
      api: { exposure: 'cluster' },
      kafka: {},
      variables: {},
    })
  })

  test('later files win over earlier ones, --set over files, -n over all', () => {
    const files = [
      { name: 'a.yaml', text: 'kafka: {storage: 1Gi, heap: 256m}\nnamespace: a\nui: none\n' },
      { name: 'b.yaml', text: 'kafka: {storage: 2Gi}\nnamespace: b\n' },
    ]
    const values = readValues({ files, sets: ['kafka.storage=3Gi'], namespace: 'n' })
    expect(values).toMatchObject({ kafka: { storage: '3Gi', heap: '256m' }, namespace: 'n', ui: 'none' })
  })

  test('of --set are texts that become what the value is', () => {
    const sets = ['kafka.replicas=3', 'grafana.enabled=false', 'images.kafka=apache/kafka:4.3.1', 'nodeSelector.a=3']
    expect(readValues({ sets })).toMatchObject({
      kafka: { replicas: 3 },
      grafana: { enabled: false },
      images: { kafka: 'apache/kafka:4.3.1' },
      nodeSelector: { a: '3' },
    })
  })

  test('of settings are options of run, written as the table of options prints them', () => {
    const settings = {
      symbols: ['AAPL', 'BINANCE:BTCUSDT'],
      'retention-log': '86400s',
      partitions: 24,
      'retention-trades': 'forever',
    }
    const text = Bun.YAML.stringify({ settings })
    expect(readValues({ files: [{ name: 'v.yaml', text }] }).variables).toEqual({
      STOCKPIPE_SYMBOLS: 'AAPL,BINANCE:BTCUSDT',
      STOCKPIPE_RETENTION_LOG: '24h',
      STOCKPIPE_PARTITIONS: '24',
      STOCKPIPE_RETENTION_TRADES: 'forever',
    })
  })

  test('keep what is after the first = of --set', () => {
    expect(readValues({ sets: ['nodeSelector.a=b=c'] }).nodeSelector).toEqual({ a: 'b=c' })
  })
})

describe('wrong values', () => {
  test.each([
    ['kafka.replcas=3', 'there is no value kafka.replcas; did you mean kafka.replicas?'],
    ['kafka2.replicas=3', 'there is no value kafka2; did you mean kafka?'],
    ['kafka.resources.limit.cpu=3', 'there is no value kafka.resources.limit; did you mean kafka.resources.limits?'],
    ['kafka.colour=3', 'there is no value kafka.colour; known here: replicas, storage, heap, resources'],
    ['kafka.replicas=2', 'kafka.replicas: is not 1, 3 or 5'],
    ['kafka.replicas=1e3', 'kafka.replicas: is not a whole number from 1 to 5'],
    ['kafka.replicas=', 'kafka.replicas: is not a whole number from 1 to 5'],
    ['cassandra.replicas=0', 'cassandra.replicas: is not a whole number from 1 to 100'],
    ['kafka.storage=8GB', 'kafka.storage: "8GB" is not a size like 8Gi or 512Mi'],
    ['kafka.heap=1.5g', 'kafka.heap: "1.5g" is not a heap like 512m or 4G'],
    ['api.resources.requests.cpu=lots', 'api.resources.requests.cpu: "lots" is not a number of processors'],
    ['images.kafka=apache/kafka', 'images.kafka: has no version'],
    ['images.kafka=apache/kafka:latest', 'images.kafka: has no version'],
    ['images.kafka=apache/kafka:4 --privileged', 'is not an image'],
    ['registry=https://mirror', 'registry: "https://mirror" is not a registry'],
    ['namespace=My_Space', 'namespace: "My_Space" is not a name'],
    ['ui=kafkadrop', 'ui: "kafkadrop" is not one of kafbat, kafdrop, none'],
    ['grafana.enabled=maybe', 'grafana.enabled: must be true or false'],
    ['kafka=3', 'kafka: must be a map of keys'],
    ['settings.partition=3', 'there is no option settings.partition; did you mean settings.partitions?'],
    ['settings.partitions=0', 'settings.partitions: 0 is too small; allowed: a whole number from 1 to 10000'],
    ['settings.retention-log=1', 'settings.retention-log: 1 has no unit'],
    ['settings.kafka-brokers=a:1', 'settings.kafka-brokers cannot be set; deploy itself decides it'],
    ['settings.cassandra-password=x', 'settings.cassandra-password cannot be set'],
    ['settings.role=api', 'settings.role cannot be set'],
    ['settings=3', 'settings: must be a map of options'],
    ['api.exposure=ingress', 'api.exposure ingress needs api.host'],
    ['processor.replicas=13', '13 processors are more than 12 partitions'],
    ['processor.replicas=13', 'fixed from the first record on'],
    ['kafka.replicas', '--set kafka.replicas is not KEY=VALUE'],
    ['=3', '--set =3 is not KEY=VALUE'],
    ['kafka..replicas=3', 'is not KEY=VALUE'],
    ['__proto__.x=1', 'there is no value __proto__'],
  ])('%s: %s', (set, words) => {
    expect(refusalOf(set)).toContain(words)
  })

  test('are named all at once', () => {
    const words = refusalOf('kafka.replcas=3', 'ui=x', 'settings.delay=1', 'nonsense')
    expect(words).toContain('4 things are wrong')
    for (const part of ['kafka.replcas', 'ui: "x"', 'settings.delay', '--set nonsense']) expect(words).toContain(part)
  })

  test('of two that exclude each other are named', () => {
    expect(refusalOf('processor.autoscaling.by=hpa', 'processor.replicas=3')).toContain('exclude each other')
    expect(
      refusalOf('processor.autoscaling.by=hpa', 'processor.autoscaling.min=5', 'processor.autoscaling.max=4'),
    ).toContain('min 5 is above max 4')
    expect(refusalOf('processor.autoscaling.by=keda', 'processor.autoscaling.max=13')).toContain('13 processors')
    expect(refusalOf('api.exposure=gateway', 'api.host=a.example.com')).toContain('needs api.class')
    expect(refusalOf('monitoring.by=operator')).toContain('needs monitoring.namespace')
    expect(refusalOf('monitoring.labels.release=mine')).toContain('needs monitoring.by operator')
  })

  test('of a file that is no map, or no YAML, name the file', () => {
    expect(refusal({ files: [{ name: 'mine.yaml', text: '- a\n' }] })).toContain('mine.yaml is not a map of keys')
    expect(refusal({ files: [{ name: 'mine.yaml', text: 'a: {b\n' }] })).toMatch(/mine\.yaml is not YAML.*line/)
    expect(refusal({ files: [{ name: 'mine.yaml', text: 'a: 1\na: 2\n' }] })).toContain('mine.yaml is not YAML')
  })

  test('of an empty file are none', () => {
    expect(readValues({ files: [{ name: 'mine.yaml', text: '# nothing yet\n' }] }).ui).toBe('kafbat')
  })
})
