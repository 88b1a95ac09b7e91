import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { unpackTar } from 'modern-tar'

import { ROOT } from './binary.ts'

export interface Descriptor {
  mediaType: string
  digest: string
  size: number
  platform?: { os: string; architecture: string }
  annotations?: Record<string, string>
}

export interface Manifest {
  mediaType: string
  config: Descriptor
  layers: Descriptor[]
  manifests?: Descriptor[]
}

export interface ImageConfig {
  architecture: string
  created: string
  config: {
    User: string
    Env: string[]
    Entrypoint: string[]
    Cmd: string[]
    WorkingDir: string
    Labels: Record<string, string>
    ExposedPorts: Record<string, object>
    Volumes: Record<string, object>
  }
  rootfs: { diff_ids: string[] }
}

/** An image's archive, as those see it who load it. */
export interface Archive {
  names: readonly string[]
  bytes(path: string): Uint8Array
  json(path: string): unknown
  /** What is there under a digest, which it must have. */
  blob(descriptor: Descriptor): Uint8Array
}

export async function openArchive(file: string): Promise<Archive> {
  const entries = await unpackTar(await Bun.file(file).bytes(), { strict: true })
  const files = new Map(entries.map(({ header, data }) => [header.name, data]))
  const bytes = (path: string): Uint8Array => {
    const data = files.get(path)
    if (data === undefined) throw new Error(`the archive has no ${path}`)
    return data
  }
  return {
    names: entries.filter(({ header }) => header.type === 'file').map(({ header }) => header.name),
    bytes,
    json: (path) => parsed(bytes(path)),
    blob({ digest, size }) {
      const data = bytes(`blobs/${digest.replace(':', '/')}`)
      const real = `sha256:${new Bun.CryptoHasher('sha256').update(data).digest('hex')}`
      if (real !== digest || data.length !== size)
        throw new Error(`${digest} of ${size} bytes is ${real} of ${data.length}`)
      return data
    },
  }
}

export const parsed = (data: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(data))

export interface Built {
  code: number
  stdout: string
  stderr: string
}

/** `bun build.ts` with its output in a folder. */
export async function buildImage(folder: string, ...args: string[]): Promise<Built> {
  const bun = join(ROOT, 'node_modules/.bin', 'bun')
  const child = Bun.spawn([bun, 'build.ts', '--outdir', folder, ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}

/** Layer on layer, with owners and modes. */
export async function unpackLayers(layers: readonly Uint8Array[], folder: string): Promise<void> {
  await mkdir(folder)
  for (const layer of layers) {
    const tar = Bun.spawn(['tar', '-x', '-p', '--numeric-owner', '-f', '-', '-C', folder], {
      stdio: [layer, 'ignore', 'pipe'],
    })
    const [said, code] = await Promise.all([new Response(tar.stderr).text(), tar.exited])
    if (code !== 0) throw new Error(`tar: ${said}`)
  }
}

/**
 * As a container runtime does it: mounts and processes of its own, read-only root, only the image's variables and
 * `/data` to write to. Process 1 is the one that is killed with this command.
 */
const CONTAINER = `
set -e
root=$1 user=$2; shift 2
mkdir -p "$root/proc" "$root/dev"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0700,uid=\${user%:*},gid=\${user#*:} tmpfs "$root/data"
mount -o remount,ro,bind "$root"
exec setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"
`

export function containerCommand(root: string, { config }: ImageConfig, args: readonly string[]): string[] {
  const program = [...config.Entrypoint, ...(args.length === 0 ? config.Cmd : args)]
  const unshare = [
    'unshare',
    '--mount',
    '--pid',
    '--ipc',
    '--uts',
    '--fork',
    '--kill-child',
    '--propagation',
    'private',
  ]
  return [...unshare, 'sh', '-c', CONTAINER, 'container', root, config.User, ...program]
}

/** Why no root file system can be tried here, or null. Where CI is set that is an error. */
export function whyNoContainers(): string | null {
  const reason = probe()
  if (reason !== null && process.env['CI']) throw new Error(`the image cannot be run here: ${reason}`)
  return reason
}

function probe(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux'
  for (const tool of ['unshare', 'chroot', 'setpriv', 'mount'])
    if (Bun.which(tool) === null) return `there is no ${tool}`
  const tried = Bun.spawnSync(['unshare', '--mount', '--pid', '--fork', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])
  return tried.success ? null : `mounting needs root: ${tried.stderr.toString().trim()}`
}
