import { expect, test } from 'bun:test'
import { dirname, join, relative } from 'node:path'

const SRC = join(import.meta.dir, '../src')

/** Files at the top that wire parts together (and the folders `run` and `export`); nothing else at the top may know a part. */
const WIRES = new Set(['main.ts', 'run.ts', 'export.ts', 'servers.ts'])

/** What each part of the program may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  loose: ['config'],
  config: ['loose'],
  stream: ['loose', 'config'],
  ingest: ['stream', 'loose', 'config'],
  api: ['stream', 'loose', 'config'],
  verify: ['stream', 'loose', 'config'],
  setup: ['stream', 'loose', 'config'],
  deploy: ['loose', 'config'],
  wires: ['command', 'bench', 'ingest', 'stream', 'api', 'verify', 'setup', 'deploy', 'loose', 'config'],
  command: ['wires', 'bench', 'ingest', 'stream', 'api', 'verify', 'setup', 'deploy', 'loose', 'config'],
  bench: ['wires', 'ingest', 'stream', 'api', 'loose', 'config'],
}

/** `stream/window.ts` is of `stream`; `clock.ts` is loose. */
function partOf(file: string): string {
  const [first = '', ...rest] = file.split('/')
  if (rest.length > 0) return ['run', 'export'].includes(first) ? 'wires' : first
  if (WIRES.has(first)) return 'wires'
  return first === 'config.ts' ? 'config' : 'loose'
}

function breaches(file: string, source: string): string[] {
  const from = partOf(file)
  const allowed = MAY_IMPORT[from] ?? []
  const imports = source.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*['"](\.{1,2}\/[^'"]+)['"]/g)
  return [...imports]
    .map((found) => relative(SRC, join(SRC, dirname(file), found[1] ?? '')))
    .filter((target) => !target.startsWith('..'))
    .filter((target) => partOf(target) !== from && !allowed.includes(partOf(target)))
    .map((target) => `${file} imports ${target}`)
}

const sourceFiles = async (): Promise<string[]> =>
  (await Array.fromAsync(new Bun.Glob('**/*.{ts,tsx}').scan(SRC))).filter(
    (file) => !/\.(test|contract)\.tsx?$/.test(file),
  )

test('imports point inward', async () => {
  const files = await sourceFiles()
  expect(files.length).toBeGreaterThan(20)
  const found = await Promise.all(files.map(async (file) => breaches(file, await Bun.file(join(SRC, file)).text())))
  expect(found.flat()).toEqual([])
})

/** What makes the rows: whoever checks them must not share it. */
const ENGINE = /stream\/(?:window|symbol-windows|aggregate|long-candle|row|partition|sessions|quarantine|recovery)\.ts$/

test('what verifies shares no code with the engine', async () => {
  const files = (await sourceFiles()).filter((file) => file.startsWith('verify/'))
  const sources = await Promise.all(files.map((file) => Bun.file(join(SRC, file)).text()))
  expect(files.length).toBeGreaterThan(10)
  expect(
    sources.flatMap((source) => source.match(/from '[^']+'/g) ?? []).filter((from) => ENGINE.test(from.slice(6, -1))),
  ).toEqual([])
})

test('one folder alone knows the library of Kubernetes', async () => {
  const files = await sourceFiles()
  const sources = await Promise.all(files.map(async (file) => [file, await Bun.file(join(SRC, file)).text()] as const))
  const knowing = sources.filter(([, source]) => source.includes("'@kubernetes/client-node'")).map(([file]) => file)
  expect(knowing.length).toBeGreaterThan(2)
  expect(knowing.filter((file) => !file.startsWith('deploy/cluster/'))).toEqual([])
})

test('every folder of the source is one the rule knows', async () => {
  const parts = new Set((await sourceFiles()).map(partOf))
  expect([...parts].filter((part) => !(part in MAY_IMPORT))).toEqual([])
})

test('an import that points outward is found, however it is written', () => {
  expect(breaches('stream/window.ts', `import { api } from '../api/api.ts'`)).toEqual([
    'stream/window.ts imports api/api.ts',
  ])
  expect(breaches('ingest/feed/finnhub.ts', `import type { X } from '../../api/routes/x.ts'`)).toHaveLength(1)
  expect(breaches('api/api.ts', `const x = await import('../ingest/ingest.ts')`)).toHaveLength(1)
  expect(breaches('clock.ts', `export * from './stream/store.ts'`)).toHaveLength(1)
  expect(breaches('stream/stream.ts', `import '../run.ts'`)).toHaveLength(1)
  expect(breaches('stream/stream.ts', `import { Clock } from '../clock.ts'\nimport { a } from './window.ts'`)).toEqual(
    [],
  )
})
