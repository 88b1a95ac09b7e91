import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { install, type Installed, type Product } from './install.ts'
import { javaCommand } from './jvm.ts'
import { onFreePorts } from './ports.ts'
import { answers } from './probe.ts'
import { runOnce, type ServerPlan } from './server.ts'
import { newRoot, type Servers, startServers } from './servers.ts'

export const CASSANDRA_VERSION = '5.0.9'
export const CASSANDRA_DATACENTER = 'datacenter1'
/** With `auth: true`: may do everything and make other roles. */
export const CASSANDRA_USER = { username: 'cassandra', password: 'cassandra' } as const

export interface CassandraOptions {
  /** Logins and permissions. */
  auth?: boolean
  /** `periodic`, as shipped and by default here: SIGKILL loses acknowledged writes. `batch` and `group` lose none. */
  commitlogSync?: 'periodic' | 'batch' | 'group'
  /** For clients, and for other nodes. Free ones by default; see `freePorts`. */
  ports?: readonly number[]
  /** For measurements and long runs: slower to start, faster when warm. */
  isForLoad?: boolean
  /** Without what a first start makes, which it then makes itself: its first role comes a while after its port opens. */
  isNew?: boolean
  /** Lets `nodetool` in: there is a command of that name in `bin`. */
  isManaged?: boolean
  /** More options of its Java, such as settings that override those of the file. */
  java?: readonly string[]
}

export interface CassandraServers extends Servers {
  readonly contactPoints: readonly string[]
  readonly port: number
  readonly datacenter: string
  /** Where its tables are. */
  readonly tables: string
  /** A folder for PATH. */
  readonly bin: string
}

const PRODUCT: Product = {
  name: 'cassandra',
  dependencies: [`org.apache.cassandra:cassandra-all:${CASSANDRA_VERSION}`],
  train,
}

const HEAP = '768m'
const STARTED = /Startup complete/

/** The jars of Cassandra, and what a start of it needs besides, installed unless it is there. */
export const installCassandra = (): Promise<Installed> => install(PRODUCT)

/** Starts one node of Apache Cassandra, in 4 to 7 s once it is installed. */
export async function startCassandra({
  ports: given,
  isNew = false,
  isManaged = false,
  ...options
}: CassandraOptions = {}): Promise<CassandraServers> {
  const installed = await installCassandra()
  const start = async ([port = 0, storagePort = 0, jmxPort = 0]: readonly number[]) => {
    let where = ''
    const servers = await startServers('cassandra', (root) => {
      where = root
      if (!isNew) cpSync(installed.template, dataIn(root), { recursive: true })
      if (isManaged) writeNodetool(root, { installed, jmxPort })
      const java = [...(options.java ?? []), ...(isManaged ? [`-Dcassandra.jmx.local.port=${jmxPort}`] : [])]
      const instance: Instance = { root, port, storagePort, ...options, java }
      writeSettings(instance)
      return [plan(instance, { installed, isTraining: false, startedLine: STARTED })]
    })
    const tables = join(dataIn(where), 'data')
    const bin = binIn(where)
    return Object.assign(servers, { contactPoints: ['127.0.0.1'], port, datacenter: CASSANDRA_DATACENTER, tables, bin })
  }
  return await onFreePorts(isManaged ? 3 : 2, start, given)
}

interface Instance extends Omit<CassandraOptions, 'ports' | 'isNew' | 'isManaged'> {
  root: string
  port: number
  storagePort: number
}

const dataIn = (root: string): string => join(root, 'data')
const binIn = (root: string): string => join(root, 'bin')
const settingsIn = (root: string): string => join(root, 'cassandra.yaml')
const logbackIn = (root: string): string => join(root, 'logback.xml')

function plan(
  { root, port, isForLoad, java = [] }: Instance,
  {
    installed,
    isTraining,
    startedLine,
  }: { installed: Installed; isTraining: boolean; startedLine: ServerPlan['startedLine'] },
): ServerPlan {
  return {
    name: 'cassandra',
    root,
    command: javaCommand({
      installed,
      heap: HEAP,
      root,
      options: [
        `-XX:MaxDirectMemorySize=${HEAP}`,
        ...INSIDE_JAVA,
        ...ALONE,
        `-Dcassandra.config=file://${settingsIn(root)}`,
        `-Dcassandra.storagedir=${dataIn(root)}`,
        `-Dcassandra.logdir=${root}`,
        `-Dlogback.configurationFile=${logbackIn(root)}`,
        ...java,
      ],
      main: ['org.apache.cassandra.service.CassandraDaemon'],
      isForLoad,
      isTraining,
    }),
    startedLine,
    answers: () => isCassandra(port),
  }
}

/** OPTIONS of native protocol 4, which needs no login: version, no flags, stream 0, opcode 5, no body. */
const OPTIONS = Uint8Array.of(4, 0, 0, 0, 5, 0, 0, 0, 0)
/** A response of version 4 with opcode 6, SUPPORTED. */
const isSupported = (bytes: Uint8Array): boolean => bytes[0] === 0x84 && bytes[4] === 6

/** Whether a Cassandra answers on the port of loopback. */
export const isCassandra = (port: number): Promise<boolean> =>
  answers({ port, request: OPTIONS, isAnswer: isSupported })

const opened = (module: string, packages: string): string[] =>
  packages.split(' ').map((name) => `--add-opens=${module}/${name}=ALL-UNNAMED`)
const exported = (module: string, packages: string): string[] =>
  packages.split(' ').map((name) => `--add-exports=${module}/${name}=ALL-UNNAMED`)

/** What Cassandra reaches for inside Java 17. */
export const INSIDE_JAVA = [
  '-Djdk.attach.allowAttachSelf=true',
  '-Dio.netty.tryReflectionSetAccessible=true',
  ...exported('java.base', 'jdk.internal.misc'),
  ...exported('java.management.rmi', 'com.sun.jmx.remote.internal.rmi'),
  ...exported('java.rmi', 'sun.rmi.registry sun.rmi.server'),
  ...exported('java.sql', 'java.sql'),
  ...exported('jdk.unsupported', 'sun.misc'),
  ...opened('java.base', 'java.io java.lang java.lang.module java.lang.reflect java.nio java.util sun.nio.ch'),
  ...opened('java.base', 'jdk.internal.loader jdk.internal.math jdk.internal.module jdk.internal.ref'),
  ...opened('java.base', 'jdk.internal.reflect jdk.internal.util.jar'),
  ...opened('jdk.management', 'com.sun.management.internal'),
]

/** A node that is alone has no gossip and no ring to wait for. */
const ALONE = [
  // Else it closes its standard output at the end of its start, and is silent from then on.
  '-Dcassandra-foreground=yes',
  '-Dcassandra.skip_wait_for_gossip_to_settle=0',
  '-Dcassandra.ring_delay_ms=0',
  '-Dcassandra.shutdown_announce_in_ms=0',
  '-Dcassandra.superuser_setup_delay_ms=0',
  '-Dcassandra.load_ring_state=false',
  '-Dcassandra.system_distributed.default_rf=1',
  '-Dcassandra.system_traces.default_rf=1',
  // The cheapest password hash, for a login costs 50 ms by default.
  '-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4',
  // Native libraries that are not among the jars.
  '-Dcassandra.test.ignore_sigar=true',
  '-Dcassandra.disable_tcactive_openssl=true',
]

const LOGBACK = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{HH:mm:ss.SSS} %level %msg \\(%logger{0}\\)%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
`

/** `nodetool` as it is called where Cassandra is installed. */
function writeNodetool(root: string, { installed, jmxPort }: { installed: Installed; jmxPort: number }): void {
  mkdirSync(binIn(root))
  const options = ['-XX:TieredStopAtLevel=1', '-Xlog:disable', ...INSIDE_JAVA, `-Duser.home=${root}`]
  const settings = [`-Dlogback.configurationFile=${logbackIn(root)}.silent`, '-cp', installed.classpath]
  const main = ['org.apache.cassandra.tools.NodeTool', '-h', '127.0.0.1', '-p', String(jmxPort)]
  const words = [installed.java, `-XX:SharedArchiveFile=${installed.archive}`, ...options, ...settings, ...main]
  writeFileSync(`${logbackIn(root)}.silent`, '<configuration><root level="OFF"/></configuration>')
  const script = `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`
  writeFileSync(join(binIn(root), 'nodetool'), script, { mode: 0o755 })
}

function writeSettings(instance: Instance): void {
  // JSON is YAML.
  writeFileSync(settingsIn(instance.root), JSON.stringify(settingsFor(instance), null, 2))
  writeFileSync(logbackIn(instance.root), LOGBACK)
}

const COMMITLOG_SYNC = {
  periodic: { commitlog_sync_period: '10000ms' },
  batch: {},
  group: { commitlog_sync_group_window: '5ms' },
}

const settingsFor = ({ port, storagePort, auth = false, commitlogSync = 'periodic' }: Instance) => ({
  cluster_name: 'stockpipe-test',
  num_tokens: 1,
  partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
  endpoint_snitch: 'SimpleSnitch',
  seed_provider: [
    {
      class_name: 'org.apache.cassandra.locator.SimpleSeedProvider',
      parameters: [{ seeds: `127.0.0.1:${storagePort}` }],
    },
  ],
  listen_address: '127.0.0.1',
  storage_port: storagePort,
  rpc_address: '127.0.0.1',
  native_transport_port: port,
  start_native_transport: true,
  auto_bootstrap: false,

  authenticator: auth ? 'PasswordAuthenticator' : 'AllowAllAuthenticator',
  authorizer: auth ? 'CassandraAuthorizer' : 'AllowAllAuthorizer',
  role_manager: 'CassandraRoleManager',
  // A test that takes a right away sees it gone soon, not after 2 s.
  roles_validity: '500ms',
  permissions_validity: '500ms',
  credentials_validity: '500ms',

  commitlog_sync: commitlogSync,
  ...COMMITLOG_SYNC[commitlogSync],
  commitlog_segment_size: '16MiB',
  commitlog_total_space: '256MiB',
  // Direct writes need a file system that a temporary folder need not have.
  commitlog_disk_access_mode: 'legacy',

  // A dropped test keyspace is gone at once.
  auto_snapshot: false,
  hinted_handoff_enabled: false,

  concurrent_reads: 16,
  concurrent_writes: 32,
  concurrent_compactors: 1,
  memtable_flush_writers: 1,
  key_cache_size: '8MiB',
  file_cache_size: '32MiB',
})

async function train(installed: Installed): Promise<void> {
  await onFreePorts(2, async ([port = 0, storagePort = 0]) => {
    using root = newRoot('cassandra')
    const instance: Instance = { root: root.path, port, storagePort, auth: true }
    writeSettings(instance)
    // A first start opens its port before it has made the first role.
    await runOnce(plan(instance, { installed, isTraining: true, startedLine: /Created default superuser role/ }))
    const data = dataIn(root.path)
    // Its polite end wrote everything to tables.
    rmSync(join(data, 'commitlog'), { recursive: true, force: true })
    cpSync(data, installed.template, { recursive: true })
  })
}
