import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Layer } from './image.ts'

const TOOLS = 'sh cat cp ls id env sleep echo mkdir wget nslookup nc httpd timeout hostname stat test true'.split(' ')
const ACCOUNTS = `root:x:0:0:root:/root:/bin/sh
grafana:x:472:0:grafana:/usr/share/grafana:/bin/sh
kafkaui:x:100:101:kafkaui:/:/bin/sh
`

/** A shell and a few tools, accounts, /tmp, and folders with their rights. */
export function busyboxLayer(folders: Readonly<Record<string, number>>): Layer {
  const busybox = Bun.which('busybox') ?? '/bin/busybox'
  return {
    name: 'busybox',
    key: [Bun.hash(readFileSync(busybox)).toString(36), TOOLS.join(), ACCOUNTS, JSON.stringify(folders)],
    fill: (root) => {
      const all = { '/bin': 0o755, '/etc': 0o755, '/usr/share/grafana': 0o755, '/tmp': 0o1777, ...folders }
      for (const [path, mode] of Object.entries(all)) {
        mkdirSync(join(root, path), { recursive: true })
        chmodSync(join(root, path), mode)
      }
      copyFileSync(busybox, join(root, 'bin/busybox'))
      for (const tool of TOOLS) symlinkSync('busybox', join(root, 'bin', tool))
      writeFileSync(join(root, 'etc/passwd'), ACCOUNTS)
    },
  }
}
