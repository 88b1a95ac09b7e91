import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { lstat, mkdir, readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'

import packageJson from '../package.json' with { type: 'json' }
import { ROOT, temporaryFolder } from './binary.ts'
import { instructionsOf, type Stage, stagesOf } from './container.ts'
import {
  type Archive,
  buildImage,
  containerCommand,
  type Descriptor,
  type ImageConfig,
  type Manifest,
  openArchive,
  parsed,
  unpackLayers,
  whyNoContainers,
} from './image.fixture.ts'

import { until } from './until.ts'

const BUILD_LIMIT_MS = 120_000
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64'

const folder = temporaryFolder()
const file = join(folder.path, 'image.tar')
let archive: Archive
let manifest: Manifest
let image: ImageConfig

/** Those that a reader of OCI layouts comes to, from the top. */
const topOf = (opened: Archive): Descriptor => {
  const { manifests } = opened.json('index.json') as { manifests: Descriptor[] }
  const [top] = manifests
  if (top === undefined || manifests.length !== 1) throw new Error('there is not one image in the archive')
  return top
}

afterAll(() => folder[Symbol.dispose]())

const isLinux = process.platform === 'linux'
if (!isLinux) console.warn('SKIPPED: the image cannot be built here, for the C library is taken from Linux')

describe.skipIf(!isLinux)('An image that is built without Docker', () => {
  beforeAll(async () => {
    expect(await buildImage(folder.path, '--image', file)).toMatchObject({ code: 0, stderr: '' })
    archive = await openArchive(file)
    manifest = parsed(archive.blob(topOf(archive))) as Manifest
    image = parsed(archive.blob(manifest.config)) as ImageConfig
  }, BUILD_LIMIT_MS)

  test('has every blob under its digest, and no other', () => {
    const digests = [topOf(archive), manifest.config, ...manifest.layers].map((descriptor) => {
      archive.blob(descriptor)
      return `blobs/${descriptor.digest.replace(':', '/')}`
    })
    expect(archive.names.toSorted()).toEqual([...digests, 'index.json', 'manifest.json', 'oci-layout'].toSorted())
    expect(image.rootfs.diff_ids).toEqual(manifest.layers.map(({ digest }) => digest))
    expect(archive.json('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' })
  })

  test('is named for containerd, for readers of OCI layouts and for Docker', () => {
    const name = `stockpipe:${packageJson.version}`
    expect(topOf(archive)).toMatchObject({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      platform: { os: 'linux', architecture: ARCHITECTURE },
      annotations: {
        'io.containerd.image.name': `docker.io/library/${name}`,
        'org.opencontainers.image.ref.name': packageJson.version,
      },
    })
    expect(archive.json('manifest.json')).toEqual([
      {
        Config: `blobs/${manifest.config.digest.replace(':', '/')}`,
        RepoTags: [name],
        Layers: manifest.layers.map(({ digest }) => `blobs/${digest.replace(':', '/')}`),
      },
    ])
  })

  test('is set up as the one of the Dockerfile', async () => {
    const last = stagesOf(instructionsOf(await Bun.file(join(ROOT, 'Dockerfile')).text())).at(-1)
    if (last === undefined) throw new Error('the Dockerfile has no stage')
    const { Labels, ...config } = image.config
    expect(config).toEqual(configOf(last))
    const { 'dev.stockpipe.libc': libc, ...labels } = Labels
    expect(labels).toEqual(Object.fromEntries(last.of('LABEL').flatMap(pairsOf)))
    expect(libc).toMatch(/GLIBC|glibc/i)
  })

  test(
    'is the same, byte for byte, when it is built again',
    async () => {
      using again = temporaryFolder()
      const second = join(again.path, 'deeper', 'image.tar')
      expect(await buildImage(join(again.path, 'elsewhere'), '--image', second)).toMatchObject({ code: 0 })
      expect(await hashOf(second)).toBe(await hashOf(file))
    },
    BUILD_LIMIT_MS,
  )

  test('is dated by its commit, not by its build', () => {
    const git = Bun.spawnSync(['git', 'log', '-1', '--format=%ct'], { cwd: ROOT })
    const committed = git.success ? Number(git.stdout.toString()) : 0
    expect(image.created).toBe(new Date(committed * 1_000).toISOString())
  })

  const reason = isLinux ? whyNoContainers() : null
  if (reason !== null) console.warn(`SKIPPED: the image was not run: ${reason}`)

  describe.skipIf(reason !== null)('and unpacked', () => {
    const root = join(folder.path, 'root')
    const env = (more: Record<string, string> = {}) => ({
      ...Object.fromEntries(image.config.Env.map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string])),
      PATH: process.env['PATH'] ?? '',
      ...more,
    })
    beforeAll(() =>
      unpackLayers(
        manifest.layers.map((layer) => archive.blob(layer)),
        root,
      ),
    )

    test('has nothing but the executable, the C library and who it runs as', async () => {
      expect((await readdir(root)).toSorted()).toEqual(
        ['data', 'etc', 'home', 'lib', 'lib64', 'stockpipe', 'tmp', 'usr'].toSorted(),
      )
      expect((await readdir(join(root, 'etc'))).toSorted()).toEqual(['group', 'nsswitch.conf', 'passwd'])
      const owners = await Promise.all(
        ['data', 'tmp', 'stockpipe', 'lib/libc.so.6'].map(async (path) => {
          const { uid, gid, mode, mtimeMs } = await stat(join(root, path))
          return [path, uid, gid, (mode & 0o7777).toString(8), mtimeMs]
        }),
      )
      expect(owners).toEqual([
        ['data', 65532, 65532, '755', 0],
        ['tmp', 0, 0, '1777', 0],
        ['stockpipe', 0, 0, '755', 0],
        ['lib/libc.so.6', 0, 0, '755', 0],
      ])
      expect([await readlink(join(root, 'lib64')), (await lstat(join(root, 'usr/lib'))).isSymbolicLink()]).toEqual([
        'lib',
        true,
      ])
    })

    test('says its version, as a user without rights on a file system that it cannot write to', async () => {
      const child = Bun.spawnSync(containerCommand(root, image, ['version']), { env: env() })
      expect([child.exitCode, child.stderr.toString()]).toEqual([0, ''])
      expect(child.stdout.toString()).toStartWith(`stockpipe ${packageJson.version} (`)
    })

    test('runs the whole pipeline', async () => {
      const told = { STOCKPIPE_LISTEN: '127.0.0.1:0', STOCKPIPE_LOG_FORMAT: 'json' }
      await using child = Bun.spawn(containerCommand(root, image, []), {
        env: env(told),
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      // Who changes its user is not told any more when its parent ends (`--kill-child`): it is ended by its own number.
      await using _container = {
        [Symbol.asyncDispose]: async () => void process.kill(await innermost(child.pid), 'SIGKILL'),
      }
      const url = await startedAt(child.stderr)
      const trades = await until(
        async () => (await (await fetch(`${url}/v1/latest`)).json()) as { data: { price: number }[] },
        ({ data }) => data.length > 0,
      )
      expect(trades.data[0]?.price).toBeGreaterThan(0)
      const status = await Bun.file(`/proc/${await innermost(child.pid)}/status`).text()
      expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m)
      expect(status).toMatch(/^CapEff:\t0+$/m)
    }, 60_000)
  })
})

const hasContainerd = ['containerd', 'ctr'].every((tool) => Bun.which(tool) !== null) && process.getuid?.() === 0

test.skipIf(!isLinux || !hasContainerd)(
  'containerd takes it, under the name that Kubernetes asks for',
  async () => {
    using home = temporaryFolder()
    const socket = join(home.path, 'socket')
    const places = ['--root', join(home.path, 'root'), '--state', join(home.path, 'state'), '--address', socket]
    await mkdir(join(home.path, 'root'))
    await Bun.write(join(home.path, 'config.toml'), 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    await using daemon = Bun.spawn(['containerd', '--config', join(home.path, 'config.toml'), ...places], {
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    const ctr = (...args: string[]) => Bun.spawnSync(['ctr', '--address', socket, '--namespace', 'k8s.io', ...args])
    await until(
      () => ctr('version').success,
      (isUp) => isUp || daemon.exitCode !== null,
    )
    const imported = ctr('images', 'import', file)
    expect([imported.exitCode, imported.stderr.toString()]).toEqual([0, ''])
    expect(ctr('images', 'list', '--quiet').stdout.toString()).toBe(
      `docker.io/library/stockpipe:${packageJson.version}\n`,
    )
    daemon.kill()
    await daemon.exited
  },
  60_000,
)

describe.skipIf(!isLinux)('An image of several processors', () => {
  const other = ARCHITECTURE === 'amd64' ? 'arm64' : 'amd64'
  const libcs = { amd64: '/usr/x86_64-linux-gnu/lib/libc.so.6', arm64: '/usr/aarch64-linux-gnu/lib/libc.so.6' }
  const missing = !Bun.spawnSync(['test', '-e', libcs[other]]).success
  const advice = `there is no C library for ${other}: apt-get install libc6-${other}-cross`
  if (missing && process.env['CI']) throw new Error(advice)
  if (missing && isLinux) console.warn(`SKIPPED: no image of several processors was built: ${advice}`)

  test.skipIf(missing)(
    'is an index of one for each, with the library of each',
    async () => {
      using out = temporaryFolder()
      const both = join(out.path, 'both.tar')
      const targets = ['--target', 'linux-x64', '--target', 'linux-arm64']
      const { code, stderr } = await buildImage(out.path, ...targets, '--image', both)
      // Bun tells of the runtime of the other processor when it fetches it, the first time on a machine.
      const told = stderr.replaceAll(/^(?:Downloading|Decompressing)\b.*\s*/gm, '')
      expect({ code, told }).toEqual({ code: 0, told: '' })
      const opened = await openArchive(both)
      const index = parsed(opened.blob(topOf(opened))) as Manifest
      expect(index.mediaType).toBe('application/vnd.oci.image.index.v1+json')
      const found = (index.manifests ?? []).map((descriptor) => {
        const { config, layers } = parsed(opened.blob(descriptor)) as Manifest
        for (const layer of layers) opened.blob(layer)
        const { architecture } = parsed(opened.blob(config)) as ImageConfig
        return [descriptor.platform?.architecture, architecture]
      })
      expect(found).toEqual([
        ['amd64', 'amd64'],
        ['arm64', 'arm64'],
      ])
      // Docker's older format would load one of them on any machine.
      expect(opened.names).not.toContain('manifest.json')
    },
    BUILD_LIMIT_MS,
  )
})

test.each([
  [['--target', 'darwin-arm64'], 'no image of darwin-arm64; there may be one of linux-x64, linux-arm64'],
  [['--image-tag', 'stockpipe'], 'stockpipe is no image name with a tag'],
  [['--libc', ROOT], 'no GNU C library for'],
])(
  'No image is made with %j, and nothing is left of it',
  async (args, message) => {
    using out = temporaryFolder()
    const wanted = join(out.path, 'image.tar')
    const { code, stderr } = await buildImage(out.path, '--image', wanted, ...args)
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)])
    expect(await readdir(out.path)).toEqual([])
  },
  BUILD_LIMIT_MS,
)

const hashOf = async (path: string): Promise<string> =>
  new Bun.CryptoHasher('sha256').update(await Bun.file(path).bytes()).digest('hex')

const pairsOf = (text: string): [string, string][] =>
  [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)].map(([, key = '', quoted, bare]) => [key, quoted ?? bare ?? ''])

/** A stage of a Dockerfile as the configuration that a builder would write. */
const configOf = (stage: Stage): Omit<ImageConfig['config'], 'Labels'> => ({
  User: stage.of('USER').join(),
  ExposedPorts: Object.fromEntries(stage.of('EXPOSE').map((port) => [`${port}/tcp`, {}])),
  Env: stage.of('ENV').flatMap((text) => pairsOf(text).map((pair) => pair.join('='))),
  Entrypoint: JSON.parse(stage.of('ENTRYPOINT').join()) as string[],
  Cmd: JSON.parse(stage.of('CMD').join()) as string[],
  Volumes: Object.fromEntries(stage.of('VOLUME').map((path) => [path, {}])),
  WorkingDir: stage.of('WORKDIR').join(),
})

/** Where it listens, once it says so. */
async function startedAt(lines: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of lines) {
    text += decoder.decode(chunk, { stream: true })
    const url = /"event":"run.started".*?"url":"([^"]+)"/.exec(text)?.[1]
    if (url !== undefined) return url
  }
  throw new Error(`it ended: ${text}`)
}

/** The process at the end of a line of only children. */
async function innermost(pid: number): Promise<number> {
  const children = (await Bun.file(`/proc/${pid}/task/${pid}/children`).text()).trim().split(' ').filter(Boolean)
  return children[0] === undefined ? pid : innermost(Number(children[0]))
}
