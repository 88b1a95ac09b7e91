/** What this machine must have for a cluster of the tests. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { UNAVAILABLE } from '../services/shared.ts'

/** Tells test files which cluster of this run they share; see `shared.ts`. Or `off`: there shall be none. */
export const CLUSTER_VARIABLE = 'TEST_CLUSTER'
const OFF = 'off'

const OLDEST_GO = [1, 24] as const
const CNI_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni']
/** Programs, and the Debian packages that have them. */
const PROGRAMS = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  iptables: 'iptables',
  nft: 'nftables',
  nsenter: 'util-linux',
  debootstrap: 'debootstrap',
  busybox: 'busybox-static',
  tar: 'tar',
} as const
const CNI_PACKAGE = 'containernetworking-plugins'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Means {
  go: string
  goVersion: string
  /** The folder of the plug-ins for container networks. */
  cni: string
  /** Keeps programs and images. */
  cache: string
}

/** Why there can be no cluster here, or null. Where CI is set that is an error. */
export function whyNoCluster(env: Environment = process.env): string | null {
  const found = look(env)
  if (typeof found !== 'string') return null
  if (env['CI'] === 'true') throw new Error(`CI needs a cluster, but ${found}`)
  return found
}

/** The means, or an error that says what is missing. */
export function requiredMeans(env: Environment = process.env): Means {
  const found = look(env)
  if (typeof found === 'string') throw new Error(`no cluster for tests: ${found}`)
  return found
}

/** Whether test files have a cluster. Says so loudly when not, unless `npm test` has. */
export function canHaveCluster(): boolean {
  if (process.env[CLUSTER_VARIABLE] === UNAVAILABLE) return false
  const reason = whyNoCluster()
  if (reason !== null) console.warn(`\nSKIPPED: NOT TESTED on a real Kubernetes: ${reason}\n`)
  return reason === null
}

function look(env: Environment): Means | string {
  if (env[CLUSTER_VARIABLE] === OFF) return `${CLUSTER_VARIABLE} is off`
  if (process.platform !== 'linux') return 'its node needs Linux'
  if (process.getuid?.() !== 0) return 'its node needs root, for namespaces and mounts'
  const path = { PATH: env['PATH'] ?? '' }
  const packages = Object.entries(PROGRAMS).flatMap(([program, name]) => (Bun.which(program, path) ? [] : [name]))
  const cni = CNI_FOLDERS.find((folder) => existsSync(join(folder, 'bridge')))
  if (packages.length > 0 || cni === undefined) return installWords([...packages, ...(cni ? [] : [CNI_PACKAGE])])
  const go = Bun.which('go', path)
  if (go === null) return `there is no go: install Go ${OLDEST_GO.join('.')}`
  const goVersion = Bun.spawnSync([go, 'env', 'GOVERSION'], { env: { ...env } })
    .stdout.toString()
    .trim()
  if (!isNewEnough(goVersion)) return `${go} is too old (${goVersion}): install Go ${OLDEST_GO.join('.')}`
  return { go, goVersion, cni, cache: cacheOf(env) }
}

const installWords = (packages: readonly string[]): string => {
  const names = [...new Set(packages)].join(' ')
  return `programs are missing: apt-get install ${names}`
}

function isNewEnough(version: string): boolean {
  const [, major = 0, minor = 0] = (/^go(\d+)\.(\d+)/.exec(version) ?? []).map(Number)
  return major > OLDEST_GO[0] || (major === OLDEST_GO[0] && minor >= OLDEST_GO[1])
}

const cacheOf = (env: Environment): string =>
  join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'stockpipe-tests', 'cluster')
