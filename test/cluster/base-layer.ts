import { appendFileSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

import { succeed } from '../services/install.ts'
import type { Layer } from './image.ts'

/** The Debian that has a Java which both servers run on. */
const SUITE = 'bookworm'
const PACKAGES = ['openjdk-17-jre-headless', 'procps', 'iproute2', 'gosu']
const ACCOUNTS = [
  ['appuser', 1000],
  ['cassandra', 999],
] as const
const NOT_NEEDED = ['var/cache', 'var/log', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']

export const PATH =
  '/opt/cassandra/bin:/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** A small Debian with Java and the accounts of both servers. */
export const JAVA_LAYER: Layer = {
  name: 'java',
  key: [SUITE, ...PACKAGES, JSON.stringify(ACCOUNTS), ...NOT_NEEDED],
  fill: async (root) => {
    await succeed(root, ['nice', 'debootstrap', '--variant=minbase', `--include=${PACKAGES.join()}`, SUITE, root])
    for (const folder of NOT_NEEDED) rmSync(join(root, folder), { recursive: true, force: true })
    // Device files of the build; containers get their own.
    for (const folder of ['dev', 'proc', 'sys', 'run'])
      for (const name of readdirSync(join(root, folder))) rmSync(join(root, folder, name), { recursive: true })
    for (const [name, id] of ACCOUNTS) {
      appendFileSync(join(root, 'etc/passwd'), `${name}:x:${id}:${id}::/home/${name}:/bin/bash\n`)
      appendFileSync(join(root, 'etc/group'), `${name}:x:${id}:\n`)
    }
    for (const folder of ['opt/java', 'var/log']) mkdirSync(join(root, folder), { recursive: true })
    const java = readdirSync(join(root, 'usr/lib/jvm')).find((name) => name.startsWith('java-17-openjdk-'))
    symlinkSync(`/usr/lib/jvm/${java}`, join(root, 'opt/java/openjdk'))
  },
}
