import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { canary } from '../canary.ts'
import { install, type Installed, type Product, succeed } from './install.ts'
import { javaCommand } from './jvm.ts'
import { onFreePorts } from './ports.ts'
import { answers } from './probe.ts'
import { runOnce, type ServerPlan } from './server.ts'
import { newRoot, type Servers, startServers } from './servers.ts'

export const KAFKA_VERSION = '4.3.1'

/** With `auth: 'plain'`: `admin` may do everything, `guest` nothing until admin gives it rights. */
export const KAFKA_USERS = {
  admin: { username: 'admin', password: canary('admin') },
  guest: { username: 'guest', password: canary('guest') },
} as const

export interface KafkaOptions {
  /** 1 by default. With 3, internal topics have three replicas and every broker is a controller, too. */
  brokers?: 1 | 3
  /** SASL PLAIN without TLS for {@link KAFKA_USERS}, and access control lists. */
  auth?: 'plain'
  /** Two per broker, the first for clients. Free ones by default; see `freePorts`. */
  ports?: readonly number[]
  /** For measurements and long runs: slower to start, faster when warm. */
  isForLoad?: boolean
}

export interface KafkaServers extends Servers {
  /** `host:port` by node. */
  readonly brokers: readonly string[]
}

const PRODUCT: Product = {
  name: 'kafka',
  dependencies: [
    `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
    // Kafka 4 brings log4j's API only; without this it logs nothing.
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.4',
  ],
  train,
}

/** Any 16 bytes in base64url. */
const CLUSTER_ID = 'c3RvY2twaXBlLXRlc3RzMA'
/** What a format writes besides the ids, the same for every node. */
const CHECKPOINT = 'bootstrap.checkpoint'

const LOG4J = `appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ABSOLUTE} %p %m (%c{1})%n
rootLogger.level=info
rootLogger.appenderRef.out.ref=OUT
# Hundreds of lines of settings at every start.
logger.settings.name=org.apache.kafka.common.config.AbstractConfig
logger.settings.level=warn
logger.server.name=kafka.server.KafkaConfig
logger.server.level=warn
`

/** The jars of Kafka, and what a start of it needs besides, installed unless it is there. */
export const installKafka = (): Promise<Installed> => install(PRODUCT)

/** Starts Apache Kafka, in 2 to 5 s once it is installed. */
export async function startKafka({
  brokers = 1,
  auth,
  isForLoad = false,
  ports: given,
}: KafkaOptions = {}): Promise<KafkaServers> {
  const installed = await installKafka()
  const start = async (ports: readonly number[]) => {
    const nodes = nodesOf(ports)
    const servers = await startServers('kafka', (root) => {
      const cluster: Cluster = { root, nodes, isAuthenticated: auth === 'plain', isForLoad }
      return nodes.map((node) => {
        writeSettings(cluster, node)
        prepareData(cluster, node, installed)
        return plan(cluster, { node, installed, isTraining: false })
      })
    })
    return Object.assign(servers, { brokers: nodes.map(({ port }) => `127.0.0.1:${port}`) })
  }
  return await onFreePorts(2 * brokers, start, given)
}

interface Node {
  id: number
  port: number
  controllerPort: number
}

interface Cluster {
  root: string
  nodes: readonly Node[]
  isAuthenticated: boolean
  isForLoad: boolean
}

const nodesOf = (ports: readonly number[]): Node[] =>
  Array.from({ length: ports.length / 2 }, (_, i) => ({
    id: i + 1,
    port: ports[2 * i] as number,
    controllerPort: ports[2 * i + 1] as number,
  }))

const nameOf = ({ id }: Node): string => `kafka-${id}`
const dataOf = ({ root }: Cluster, node: Node): string => join(root, nameOf(node))
const settingsOf = (cluster: Cluster, node: Node): string => `${dataOf(cluster, node)}.properties`

function plan(
  cluster: Cluster,
  { node, installed, isTraining }: { node: Node; installed: Installed; isTraining: boolean },
): ServerPlan {
  const log4j = join(cluster.root, 'log4j2.properties')
  return {
    name: nameOf(node),
    root: cluster.root,
    command: javaCommand({
      installed,
      heap: cluster.nodes.length === 1 ? '512m' : '256m',
      root: cluster.root,
      options: [`-Dlog4j2.configurationFile=${log4j}`, '-Dlog4j2.disable.jmx=true'],
      main: ['kafka.Kafka', settingsOf(cluster, node)],
      isForLoad: cluster.isForLoad,
      isTraining,
    }),
    startedLine: /Kafka Server started/,
    answers: () => isKafka(node.port),
  }
}

/** ApiVersions 0, which needs no login: length, key 18, version, correlation id 1, no client id. */
const API_VERSIONS = Uint8Array.of(0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff)
/** Length, correlation id 1, error code 0. */
const isApiVersions = (bytes: Uint8Array): boolean =>
  bytes.length >= 10 && bytes.subarray(4, 10).join() === '0,0,0,1,0,0'

/** Whether a Kafka answers on the port of loopback. */
export const isKafka = (port: number): Promise<boolean> =>
  answers({ port, request: API_VERSIONS, isAnswer: isApiVersions })

function writeSettings(cluster: Cluster, node: Node): void {
  const settings = Object.entries(settingsFor(cluster, node)).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(settingsOf(cluster, node), settings.join(''))
  writeFileSync(join(cluster.root, 'log4j2.properties'), LOG4J)
}

/** What `kafka-storage format` would do, without its start of a JVM. */
function prepareData(cluster: Cluster, node: Node, { template }: Installed): void {
  const data = dataOf(cluster, node)
  mkdirSync(data)
  copyFileSync(join(template, CHECKPOINT), join(data, CHECKPOINT))
  const directoryId = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url')
  writeFileSync(
    join(data, 'meta.properties'),
    `version=1\nnode.id=${node.id}\ncluster.id=${CLUSTER_ID}\ndirectory.id=${directoryId}\n`,
  )
}

const settingsFor = (cluster: Cluster, node: Node): Record<string, string | number> => ({
  'process.roles': 'broker,controller',
  'node.id': node.id,
  'controller.quorum.voters': cluster.nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(),
  listeners: `CLIENT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}`,
  'advertised.listeners': `CLIENT://127.0.0.1:${node.port}`,
  'controller.listener.names': 'CONTROLLER',
  'inter.broker.listener.name': 'CLIENT',
  'listener.security.protocol.map': `CLIENT:${cluster.isAuthenticated ? 'SASL_PLAINTEXT' : 'PLAINTEXT'},CONTROLLER:PLAINTEXT`,
  'log.dirs': dataOf(cluster, node),

  // Topics exist only when a test made them, and a group has its partitions at once.
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': 0,
  // Lets a test see a dead consumer's partitions move soon.
  'group.min.session.timeout.ms': 1_000,

  'num.partitions': 1,
  'default.replication.factor': cluster.nodes.length,
  ...internalTopic('offsets.topic', cluster),
  ...internalTopic('transaction.state.log', cluster),
  'transaction.state.log.min.isr': 1,
  ...internalTopic('share.coordinator.state.topic', cluster),
  'share.coordinator.state.topic.min.isr': 1,

  // A killed broker is given up after 2 s instead of 9.
  'broker.heartbeat.interval.ms': 500,
  'broker.session.timeout.ms': 2_000,

  // A small machine; the cleaner alone would take 128 MiB of the heap.
  'num.network.threads': 2,
  'num.io.threads': 4,
  'background.threads': 2,
  'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
  'log.segment.bytes': 128 * 1024 * 1024,
  ...(cluster.isAuthenticated && loginSettings()),
})

/** One partition instead of 50: fewer files to open at a start. */
const internalTopic = (prefix: string, { nodes }: Cluster) => ({
  [`${prefix}.num.partitions`]: 1,
  [`${prefix}.replication.factor`]: nodes.length,
})

function loginSettings(): Record<string, string> {
  const { admin } = KAFKA_USERS
  const users = Object.values(KAFKA_USERS).map(({ username, password }) => `user_${username}="${password}"`)
  const login = `username="${admin.username}" password="${admin.password}" ${users.join(' ')}`
  return {
    'sasl.enabled.mechanisms': 'PLAIN',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'listener.name.client.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${login};`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // Controllers speak among themselves without a login, as ANONYMOUS, which no client can be here.
    'super.users': `User:${admin.username};User:ANONYMOUS`,
    // As an administrator may have it.
    'group.min.session.timeout.ms': '10000',
  }
}

async function train(installed: Installed): Promise<void> {
  await onFreePorts(2, async (ports) => {
    using root = newRoot('kafka')
    const nodes = nodesOf(ports)
    const node = nodes[0] as Node
    const cluster: Cluster = { root: root.path, nodes, isAuthenticated: false, isForLoad: false }
    writeSettings(cluster, node)
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', settingsOf(cluster, node)]
    await succeed(root.path, [installed.java, '-cp', installed.classpath, ...format])
    await runOnce(plan(cluster, { node, installed, isTraining: true }))
    copyFileSync(join(dataOf(cluster, node), CHECKPOINT), join(installed.template, CHECKPOINT))
  })
}
