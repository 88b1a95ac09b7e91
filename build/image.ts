/** Writes the container image as an archive, from nothing: no Docker, no base image, same input, same bytes. */
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

import { version } from '../package.json' with { type: 'json' }
import { type ImageName, imageName } from './image-name.ts'
import { type Architecture, type Libc, readLibc } from './libc.ts'
import { rootItems, USER } from './root.ts'
import { type Item, tarOf } from './tar.ts'

export interface Executable {
  architecture: Architecture
  file: string
}

interface Wishes {
  /** NAME:TAG. */
  tag: string
  /** Where the C library is looked for; see `readLibc`. */
  libcRoot: string
}

export interface ImageOptions extends Wishes {
  executables: readonly Executable[]
  /** When the source was committed, in seconds: the image's date, which must not be that of the build. */
  createdAt: number
}

interface Descriptor {
  mediaType: string
  digest: string
  size: number
}

const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  // Not compressed: a compressor's output depends on its version and processor, and registries get layers compressed anyway.
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const
const PLATFORMS = { x64: { architecture: 'amd64' }, arm64: { architecture: 'arm64', variant: 'v8' } } as const

/** The same as the Dockerfile's; a test compares them. */
const CONFIGURATION = {
  User: `${USER}:${USER}`,
  ExposedPorts: { '8080/tcp': {} },
  Env: ['STOCKPIPE_LISTEN=0.0.0.0:8080', 'STOCKPIPE_DATA_DIR=/data'],
  Entrypoint: ['/stockpipe'],
  Cmd: ['run'],
  Volumes: { '/data': {} },
  WorkingDir: '/',
}
const LABELS = {
  'org.opencontainers.image.title': 'stockpipe',
  'org.opencontainers.image.description': 'Real-time market data in one executable: trades in, candles out.',
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.licenses': 'MIT',
}

/** What the archive holds, each once, by digest. */
class Blobs {
  readonly #blobs = new Map<string, Uint8Array>()

  add(mediaType: string, data: Uint8Array): Descriptor {
    const hash = new Bun.CryptoHasher('sha256').update(data).digest('hex')
    this.#blobs.set(hash, data)
    return { mediaType, digest: `sha256:${hash}`, size: data.length }
  }

  items(): Item[] {
    return [...this.#blobs].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([hash, data]) => fileOf(pathOf(hash), data))
  }
}

const pathOf = (digest: string): string => `blobs/sha256/${digest.replace('sha256:', '')}`
const fileOf = (path: string, data: Uint8Array): Item => ({ kind: 'file', path, data })
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

/**
 * An OCI image layout in a tar file. Of one architecture it is an archive of `docker save` at the same time; one of
 * several is an index, which that older format has no words for.
 */
export async function imageArchive(options: ImageOptions): Promise<Uint8Array> {
  const name = imageName(options.tag)
  const blobs = new Blobs()
  const images: Image[] = []
  for (const executable of options.executables) images.push(await addImage(blobs, executable, options))
  const [first] = images
  if (first === undefined) throw new Error('an image needs an executable')
  const manifests = images.map(({ manifest, platform }) => ({ ...manifest, platform }))
  const isOne = images.length === 1
  const top = isOne ? manifests : [blobs.add(TYPES.index, json(indexOf(manifests)))]
  return tarOf([
    { kind: 'directory', path: 'blobs' },
    { kind: 'directory', path: 'blobs/sha256' },
    ...blobs.items(),
    fileOf('index.json', json(indexOf(top.map((entry) => ({ ...entry, annotations: annotationsOf(name) }))))),
    ...(isOne ? [fileOf('manifest.json', json(dockerManifest(first, name)))] : []),
    fileOf('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
  ])
}

/** What would fail after the executables are built fails before. */
export async function checkImage(architectures: readonly Architecture[], { tag, libcRoot }: Wishes): Promise<void> {
  imageName(tag)
  for (const architecture of architectures) await readLibc({ architecture, root: libcRoot })
}

/** The file is there complete or not at all. */
export async function writeImage(file: string, options: ImageOptions): Promise<void> {
  const part = `${file}.part`
  try {
    await mkdir(dirname(file), { recursive: true })
    await Bun.write(part, await imageArchive(options))
    await rename(part, file)
  } finally {
    await rm(part, { force: true })
  }
}

interface Image {
  manifest: Descriptor
  config: Descriptor
  layers: Descriptor[]
  platform: { os: string; architecture: string }
}

async function addImage(blobs: Blobs, { architecture, file }: Executable, options: ImageOptions): Promise<Image> {
  const libc = await readLibc({ architecture, root: options.libcRoot })
  const executable: Item = { kind: 'file', path: 'stockpipe', data: await Bun.file(file).bytes(), mode: 0o755 }
  const layers = [
    blobs.add(TYPES.layer, await tarOf(rootItems(libc, architecture))),
    blobs.add(TYPES.layer, await tarOf([executable])),
  ]
  const platform = { os: 'linux', ...PLATFORMS[architecture] }
  const created = new Date(options.createdAt * 1_000).toISOString()
  const config = blobs.add(TYPES.config, json(configOf({ platform, created, libc, layers })))
  const manifest = blobs.add(TYPES.manifest, json({ schemaVersion: 2, mediaType: TYPES.manifest, config, layers }))
  return { manifest, config, layers, platform }
}

interface ConfigParts {
  platform: object
  created: string
  libc: Libc
  layers: readonly Descriptor[]
}

const configOf = ({ platform, created, libc, layers }: ConfigParts) => ({
  created,
  ...platform,
  // Two builds of one commit that differ have another library; this tells which.
  config: { ...CONFIGURATION, Labels: { ...LABELS, 'dev.stockpipe.libc': libc.version } },
  rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  history: [libc.version, `stockpipe ${version}`].map((comment) => ({
    created,
    created_by: 'build.ts --image',
    comment,
  })),
})

const indexOf = (manifests: readonly object[]) => ({ schemaVersion: 2, mediaType: TYPES.index, manifests })

const annotationsOf = (name: ImageName) => ({
  'io.containerd.image.name': name.full,
  'org.opencontainers.image.ref.name': name.tag,
})

const dockerManifest = ({ config, layers }: Image, name: ImageName) => [
  { Config: pathOf(config.digest), RepoTags: [name.short], Layers: layers.map(({ digest }) => pathOf(digest)) },
]
