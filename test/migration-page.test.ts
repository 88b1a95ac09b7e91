/** docs/migration.md names every part of the older pipeline, and its variables do here what the page says. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'

import { canary } from './canary.ts'
import { ROOT } from './manual/blocks.ts'
import { readSettings } from '../src/config.ts'

const page = await Bun.file(join(ROOT, 'docs/migration.md')).text()

/** Its files, and the words of the page by which a reader finds each. */
const FILES = {
  '.github/workflows/CI_build.yml': '.github/workflows/CI_build.yml',
  'FinnhubProducer/Dockerfile': 'FinnhubProducer/',
  'FinnhubProducer/requirements.txt': 'requirements.txt',
  'FinnhubProducer/src/FinnhubProducer.py': 'FinnhubProducer.py',
  'FinnhubProducer/src/config.json': 'FinnhubProducer/src/config.json',
  'FinnhubProducer/src/schemas/trades.avsc': 'schemas/trades.avsc',
  'FinnhubProducer/src/utils/functions.py': 'utils/functions.py',
  'FinnhubProducer/ticker_search.py': 'ticker_search.py',
  'StreamProcessor/Dockerfile': 'Dockerfiles of `StreamProcessor/`',
  'StreamProcessor/Dockerfile.k8s': 'Dockerfiles of `StreamProcessor/`',
  'StreamProcessor/build.sbt': 'build.sbt',
  'StreamProcessor/get-dependencies.sh': 'get-dependencies.sh',
  'StreamProcessor/pom.xml': 'pom.xml',
  'StreamProcessor/spark/Dockerfile.spark-master': 'Dockerfiles of `StreamProcessor/`',
  'StreamProcessor/spark/Dockerfile.spark-worker': 'Dockerfiles of `StreamProcessor/`',
  'StreamProcessor/src/main/resources/application.conf': 'application.conf',
  'StreamProcessor/src/main/resources/deployment.conf': 'deployment.conf',
  'StreamProcessor/src/main/scala/Settings.scala': 'Settings.scala',
  'StreamProcessor/src/main/scala/StreamProcessor.scala': 'StreamProcessor.scala',
  'cassandra/Dockerfile': 'Cassandra image',
  'cassandra/scripts/cassandra-setup.cql': 'cassandra-setup.cql',
  'docker-compose-ci.yaml': 'docker-compose-ci.yaml',
  'grafana/Dockerfile': 'Grafana image',
  'grafana/dashboards/dashboard.json': 'dashboard.json',
  'grafana/grafana.ini': 'grafana.ini',
  'grafana/provisioning/dashboards/dashboard.yaml': '`provisioning/` of Grafana',
  'grafana/provisioning/datasources/cassandra.yaml': '`provisioning/` of Grafana',
  'kafka/Dockerfile': 'Kafka image',
  'kafka/scripts/kafka-setup-k8s.sh': 'kafka-setup-k8s.sh',
  'kubernetes/cassandra/cassandra-deployment.yaml': '`kubernetes/`',
  'kubernetes/config/secrets.yaml': 'pipeline-secrets',
  'kubernetes/finnhubproducer-deployment.yaml': '`kubernetes/`',
  'kubernetes/grafana/grafana-deployment.yaml': '`kubernetes/`',
  'kubernetes/kafka/kafka-deployment.yaml': '`kubernetes/`',
  'kubernetes/pipeline-network-networkpolicy.yaml': 'pipeline-network',
  'kubernetes/spark/install.sh': 'spark/install.sh',
  'kubernetes/spark/spark-rbac.yaml': 'spark-rbac.yaml',
  'kubernetes/spark/streamprocessor-job.yaml': 'streamprocessor-job.yaml',
  'kubernetes/zookeeper-deployment.yaml': 'Zookeeper',
  'terraform-k8s/cassandra.tf': '`terraform-k8s/`',
  'terraform-k8s/config.tf': 'pipeline-config',
  'terraform-k8s/finnhubproducer.tf': '`terraform-k8s/`',
  'terraform-k8s/grafana.tf': '`terraform-k8s/`',
  'terraform-k8s/kafka.tf': '`terraform-k8s/`',
  'terraform-k8s/pipeline-network.tf': 'pipeline-network',
  'terraform-k8s/providers.tf': '`terraform-k8s/`',
  'terraform-k8s/secrets.tf': 'pipeline-secrets',
  'terraform-k8s/spark.tf': 'spark.tf',
  'terraform-k8s/streamprocessor.tf': 'streamprocessor.tf',
  'terraform-k8s/variables.tf': 'variables.tf',
  'terraform-k8s/volumes.tf': 'volumes.tf',
}

/** What its files make, as that is called, and what its README says of it. */
const PARTS = `
  Zookeeper, Kafdrop, 19000, Helm, SparkApplication, postStart, Minikube, plugin, 500 ms,
  kafka-service, 29092, service/grafana 3000:3000, Finnhub sample BTC dashboard,
  \`namespace\`, \`kube_config\`, \`finnhub_stocks_tickers\`
`
  .trim()
  .split(/,\s+/)

/** The columns of its tables. */
const COLUMNS = {
  trades: 'uuid, trade_conditions, price, symbol, trade_timestamp, ingest_timestamp, volume, type',
  running_averages_15_sec: 'uuid, symbol, price_volume_multiply, ingest_timestamp',
}

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

test.each(Object.entries(FILES))('the page says where %s went', (_file, words) => {
  expect(page).toContain(words)
})

test.each(PARTS)('the page says where %s went, or what became of it', (part) => {
  expect(page).toContain(part)
})

const names = (text = ''): string[] => [...text.matchAll(/`([a-z0-9_]+)`/g)].map(([, name = '']) => name)
const schema = await Bun.file(join(ROOT, 'src/stream/store/schema.sql')).text()

test.each(Object.entries(COLUMNS))(
  'each column of the older %s has a line, which names columns that are here',
  (table, older) => {
    const [, block = ''] = page.split(`| Older \`${table}\``)
    const lines = block.split('\n\n')[0]?.split('\n').slice(2) ?? []
    const cells = lines.map((line) => line.split('|'))
    const told = cells.flatMap(([, there]) => (there?.includes('key') || there?.includes(' on ') ? [] : names(there)))
    expect(told.sort()).toEqual(older.split(', ').sort())
    const [, made = ''] = new RegExp(`CREATE TABLE ${table} \\(([^]*?)\\n\\)`).exec(schema) ?? []
    const columns = [...made.matchAll(/^ {2}([a-z_]+) /gm)].map(([, name = '']) => name)
    const here = cells.flatMap(([, , text]) => names(text))
    expect(here.length).toBeGreaterThan(4)
    expect(here.filter((name) => !columns.includes(name))).toEqual([])
  },
)

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
