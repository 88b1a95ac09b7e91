/** docs/migration.md names every part of the older pipeline, and its variables do here what the page says. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'

import { canary } from './canary.ts'
import { ROOT } from './manual/blocks.ts'
import { readSettings } from '../src/config.ts'

const page = await Bun.file(join(ROOT, 'docs/migration.md')).text()

/** As its files and objects are called. */
const PARTS = `
  FinnhubProducer, ticker_search.py, trades.avsc, Zookeeper, kafka-setup-k8s.sh,
  Kafdrop, Helm, SparkApplication, StreamProcessor.scala, application.conf,
  deployment.conf, Settings.scala, trades, running_averages_15_sec, cassandra-setup.cql,
  postStart, dashboard.json, grafana.ini, Finnhub sample BTC dashboard, terraform-k8s/,
  kubernetes/, pipeline-config, pipeline-secrets, pipeline-network, docker-compose-ci.yaml,
  Minikube, service/grafana 3000:3000, plugin
`
  .trim()
  .split(/,\s+/)

/** What `pipeline-config` and `pipeline-secrets` set. */
const OLDER = {
  FINNHUB_API_TOKEN: canary('finnhub'),
  FINNHUB_STOCKS_TICKERS: '["BINANCE:BTCUSDT","AAPL"]',
  FINNHUB_VALIDATE_TICKERS: '1',
  KAFKA_SERVER: 'kafka-service.pipeline.svc.cluster.local',
  KAFKA_PORT: '9092',
  KAFKA_TOPIC_NAME: 'prices',
  KAFKA_MIN_PARTITIONS: '1',
  CASSANDRA_HOST: 'cassandra',
  CASSANDRA_USER: 'somebody',
  CASSANDRA_PASSWORD: canary('cassandra'),
  SPARK_MASTER: 'spark://spark-master:7077',
  SPARK_MAX_OFFSETS_PER_TRIGGER: '1000',
  SPARK_SHUFFLE_PARTITIONS: '2',
  SPARK_DEPRECATED_OFFSETS: 'False',
}

test.each(PARTS)('the page says where %s went', (part) => {
  expect(page).toContain(part)
})

test('the variables of the older pipeline are taken as they are, and those of Spark are passed over', () => {
  const { loaded, problems } = readSettings({ command: 'run', flags: {}, env: OLDER, cwd: import.meta.dir })
  expect(problems).toEqual([])
  expect(loaded.settings).toMatchObject({
    feed: 'finnhub',
    finnhubToken: OLDER.FINNHUB_API_TOKEN,
    symbols: ['BINANCE:BTCUSDT', 'AAPL'],
    validateSymbols: true,
    broker: 'kafka',
    kafkaBrokers: ['kafka-service.pipeline.svc.cluster.local:9092'],
    kafkaTopic: 'prices',
    partitions: 1,
    store: 'cassandra',
    cassandraContactPoints: ['cassandra'],
    cassandraUsername: 'somebody',
    cassandraPassword: OLDER.CASSANDRA_PASSWORD,
  })
  for (const name of Object.keys(OLDER)) expect(page).toContain(`\`${name}\``)
})
