/** Images without an engine: archives as `docker save` writes them, from folders. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { succeed } from '../services/install.ts'
import { locked } from '../services/lock.ts'
import { type Means, requiredMeans } from './means.ts'

/** What an image says of its containers, in the words of its own format. */
export interface ImageConfig {
  Entrypoint?: readonly string[]
  Cmd?: readonly string[]
  Env?: readonly string[]
  User?: string
  WorkingDir?: string
  ExposedPorts?: Readonly<Record<string, object>>
  Volumes?: Readonly<Record<string, object>>
}

export interface Layer {
  name: string
  /** Changes whenever what `fill` makes does. */
  key: readonly string[]
  /** Puts everything into the folder, which is the root of the image. */
  fill(root: string): Promise<void> | void
}

export interface Image {
  tag: string
  config: ImageConfig
  /** Lowest first. */
  layers: readonly Layer[]
}

/** The path of the image's archive, made unless it is there. */
export async function imageFile(image: Image, means: Means = requiredMeans()): Promise<string> {
  const folder = join(means.cache, 'images')
  const name = image.tag.replaceAll(/[^\w.-]+/g, '-')
  const path = join(folder, `${name}-${hash([image.config, image.layers.map(({ key }) => key)])}.tar`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  await locked(join(means.cache, 'images.lock'), async () => {
    if (existsSync(path)) return
    const layers: string[] = []
    for (const layer of image.layers) layers.push(await layerFile(layer, folder))
    await inNewFolder(folder, async (work) => {
      await writeArchive(image, { work, layers })
      renameSync(join(work, 'image.tar'), path)
    })
  })
  return path
}

async function layerFile(layer: Layer, folder: string): Promise<string> {
  const path = join(folder, `layer-${layer.name}-${hash(layer.key)}.tar`)
  if (existsSync(path)) return path
  console.warn(`test cluster: making the layer ${layer.name}`)
  await inNewFolder(folder, async (work) => {
    const root = join(work, 'root')
    mkdirSync(root, { mode: 0o755 })
    await layer.fill(root)
    const order = ['--sort=name', '--mtime=@0', '--numeric-owner']
    await succeed(work, ['tar', '--create', '--file', join(work, 'layer.tar'), ...order, '--directory', root, '.'])
    renameSync(join(work, 'layer.tar'), path)
  })
  return path
}

async function writeArchive(
  { tag, config }: Image,
  { work, layers }: { work: string; layers: readonly string[] },
): Promise<void> {
  const digests = await Promise.all(layers.map(sha256))
  const names = layers.map((path, i) => {
    symlinkSync(path, join(work, `layer-${i}.tar`))
    return `layer-${i}.tar`
  })
  const json = (name: string, value: unknown) => writeFileSync(join(work, name), JSON.stringify(value))
  json('config.json', {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
  })
  json('manifest.json', [{ Config: 'config.json', RepoTags: [tag], Layers: names }])
  const output = ['--create', '--file', join(work, 'image.tar'), '--dereference', '--directory', work]
  await succeed(work, ['tar', ...output, 'manifest.json', 'config.json', ...names])
}

async function sha256(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256')
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk)
  return hasher.digest('hex')
}

async function inNewFolder(folder: string, work: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(folder, 'work-'))
  try {
    await work(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

const hash = (value: unknown): string => Bun.hash(JSON.stringify(value)).toString(36)
