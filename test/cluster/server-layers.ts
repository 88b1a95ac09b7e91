/** What the official images of Kafka and Cassandra have above Java: jars, scripts, settings, owners. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'

import { INSIDE_JAVA } from '../services/cassandra.ts'
import type { Installed } from '../services/install.ts'
import type { Layer } from './image.ts'

const KAFKA_USER = 1000
const CASSANDRA_USER = 999

/** Reads `jvm17-server.options` of the image; in the place of what the official one has. */
const CASSANDRA_OPTIONS = [
  ...INSIDE_JAVA,
  '-Xss256k',
  '-XX:+UseG1GC',
  '-XX:+ExitOnOutOfMemoryError',
  '-XX:+PerfDisableSharedMem',
  '-Djava.net.preferIPv4Stack=true',
  // Native libraries that are not among the jars.
  '-Dcassandra.test.ignore_sigar=true',
  '-Dcassandra.disable_tcactive_openssl=true',
]

export const kafkaLayer = (installed: Installed): Layer => ({
  name: 'kafka',
  key: keyOf('kafka', installed),
  fill: (root) => {
    makeFolders(
      root,
      'opt/kafka/config opt/kafka/logs etc/kafka/secrets var/lib/kafka/data mnt/shared/config home/appuser',
    )
    copyOwn('kafka', root)
    copyJars(installed, join(root, 'opt/kafka/libs'))
    for (const folder of ['opt/kafka', 'etc/kafka', 'var/lib/kafka', 'mnt/shared/config', 'home/appuser'])
      own(join(root, folder), KAFKA_USER)
  },
})

export const cassandraLayer = (installed: Installed): Layer => ({
  name: 'cassandra',
  key: [...keyOf('cassandra', installed), ...CASSANDRA_OPTIONS],
  fill: (root) => {
    const shared = ['etc/cassandra', 'var/lib/cassandra', 'var/log/cassandra']
    makeFolders(root, `opt/cassandra home/cassandra ${shared.join(' ')}`)
    copyOwn('cassandra', root)
    copyJars(installed, join(root, 'opt/cassandra/lib'))
    writeFileSync(join(root, 'etc/cassandra/jvm17-server.options'), `${CASSANDRA_OPTIONS.join('\n')}\n`)
    const links = { conf: '/etc/cassandra', data: '/var/lib/cassandra', logs: '/var/log/cassandra' }
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, 'opt/cassandra', name))
    for (const folder of [...shared, 'home/cassandra']) own(join(root, folder), CASSANDRA_USER)
    // It may run as any user.
    for (const folder of shared) chmodSync(join(root, folder), 0o1777)
    for (const name of readdirSync(join(root, 'etc/cassandra'))) chmodSync(join(root, 'etc/cassandra', name), 0o666)
  },
})

const ownFiles = (server: string): string => join(import.meta.dir, 'images', server)

function keyOf(server: string, installed: Installed): string[] {
  const folder = ownFiles(server)
  const texts = [...new Bun.Glob('**/*').scanSync(folder)].sort()
  const hashes = texts.map((name) => `${name} ${Bun.hash(readFileSync(join(folder, name)))}`)
  return [...hashes, ...jarsOf(installed).map((path) => basename(path))]
}

const jarsOf = ({ classpath }: Installed): string[] => classpath.split(':')

const makeFolders = (root: string, paths: string): void => {
  for (const path of paths.split(' ')) mkdirSync(join(root, path), { recursive: true, mode: 0o755 })
}

function copyJars(installed: Installed, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  for (const jar of jarsOf(installed)) {
    copyFileSync(jar, join(folder, basename(jar)))
    chmodSync(join(folder, basename(jar)), 0o644)
  }
}

/** Scripts are those without an ending, and those for the shell. */
function copyOwn(server: string, root: string): void {
  const folder = ownFiles(server)
  cpSync(folder, root, { recursive: true })
  for (const name of new Bun.Glob('**/*').scanSync(folder))
    chmodSync(join(root, name), /(^|\/)[^.]+$|\.sh$/.test(name) ? 0o755 : 0o644)
}

/** Everything below, too. */
function own(path: string, id: number): void {
  lchownSync(path, id, id)
  for (const name of readdirSync(path, { recursive: true }) as string[]) lchownSync(join(path, name), id, id)
}
