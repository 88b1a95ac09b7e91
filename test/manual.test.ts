import { afterAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Command, execute } from '../src/command/command.ts'
import { takeApart } from '../src/command/line.ts'
import { COMMANDS } from '../src/command/commands.ts'
import { Secrets } from '../src/secrets.ts'
import { readValues } from '../src/deploy/values.ts'
import { temporaryFolder } from './binary.ts'
import { canary } from './canary.ts'
import { PAGES, ROOT } from './manual/blocks.ts'
import { anchorOf } from '../grafana/src/runbook.ts'
import { MANUAL, valueRows, withValues } from './values-table.ts'

interface Written {
  page: string
  line: string
}

/** Of commands in the middle of a sentence: parts that stand for something else, and such as are only named. */
const PLACEHOLDER = /\.\.\.|[[<|]|\b(?:COMMAND|PART)\b|^(?:export|backup|restore)$/

/** Every command of ours in a block of shell, up to where the shell takes over, and in sentences. */
async function commandLines(): Promise<Written[]> {
  const pages = await Promise.all(PAGES.map(async (page) => ({ page, text: await Bun.file(join(ROOT, page)).text() })))
  const inSentences = pages.flatMap(({ page, text }) =>
    [...text.replaceAll(/^ *```[^]*?^ *```/gm, '').matchAll(/`stockpipe ([^`\n]+)`/g)].map(([, line = '']) => ({
      page,
      line,
    })),
  )
  const inBlocks = pages.flatMap(({ page, text }) =>
    [...text.matchAll(/^ *```sh\n([^]*?)^ *```/gm)].flatMap(([, block = '']) =>
      block
        .replaceAll('\\\n', ' ')
        .split('\n')
        .flatMap((line) => /^\s*(?:\w+=\S+ )*(?:dist\/)?stockpipe (.*)$/.exec(line)?.[1] ?? [])
        .map((line) => ({ page, line: (line.split(/ [|>#] ?| && /)[0] ?? '').trim() })),
    ),
  )
  return [...inBlocks, ...inSentences.filter(({ line }) => !PLACEHOLDER.test(line))]
}

/** What a command reads before it does anything. */
const folder = temporaryFolder()
writeFileSync(join(folder.path, 'token.txt'), `${canary('finnhub')}\n`)
afterAll(() => folder[Symbol.dispose]())

const written = await commandLines()
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? '')

test('the manual has commands to check, of every way to deploy', () => {
  const named = new Set(written.map(({ line }) => wordsOf(line).slice(0, 2).join(' ')))
  for (const sub of ['check', 'render', 'diff', 'apply', 'status', 'test', 'verify', 'logs', 'open', 'uninstall'])
    expect([...named]).toContain(`deploy ${sub}`)
})

/** All that comes before the command does something; what is in files and variables is not in a manual. */
async function accepted(line: string): Promise<number> {
  const taken = await takeApart(wordsOf(line), COMMANDS)
  if (taken === null) return 0
  const { command: real } = taken
  const run = () => Promise.resolve(0)
  const command: Command = real.configured ? { ...real, obstacles: () => [], run } : { ...real, run }
  const print = () => Promise.resolve()
  return execute(
    { ...taken, command },
    { env: {}, cwd: folder.path, print, warn: () => undefined, secrets: new Secrets() },
  )
}

test.each(written)('$page: stockpipe $line is a command with flags that exist', async ({ line }) => {
  expect(await accepted(line)).toBe(0)
})

test('an invented flag, command or page would be noticed', async () => {
  for (const line of ['deploy apply --finhub-token-file a', 'deploy aply', 'deploy open grafanna', 'run --rol api'])
    expect(await accepted(line).catch((error: unknown) => String(error))).toBeString()
})

test('the rights in the manual are those that are printed', async () => {
  const block = /^```yaml\n([^]*?)^```/m.exec(await Bun.file(MANUAL).text())?.[1] ?? ''
  expect(block).toContain('kind: ClusterRole')
  const said = Bun.spawnSync([process.execPath, 'src/main.ts', 'deploy', 'check', '--roles'], { cwd: ROOT })
  expect(said.stdout.toString()).toStartWith(block)
})

test('every value that a command of the manual sets is one', () => {
  const sets = written.flatMap(({ line }) => [...line.matchAll(/--set (\S+)/g)].map(([, set = '']) => set))
  expect(sets).not.toBeEmpty()
  for (const set of sets) expect(() => readValues({ sets: [set] })).not.toThrow()
})

test('the values in the manual are those of the program (bun test/values-table.ts renews them)', async () => {
  const manual = await Bun.file(MANUAL).text()
  expect(valueRows().length).toBeGreaterThan(50)
  expect(withValues(manual)).toBe(manual)
})

test('links between pages lead to files and headings that are there', async () => {
  for (const page of PAGES)
    for (const [link, target = '', anchor] of (await Bun.file(join(ROOT, page)).text()).matchAll(
      /\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g,
    )) {
      const file = Bun.file(target === '' ? join(ROOT, page) : join(ROOT, page, '..', target))
      expect([page, link, await file.exists()]).toEqual([page, link, true])
      if (anchor === undefined) continue
      const headings = [...(await file.text()).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading))
      expect([page, link, headings.includes(anchor)]).toEqual([page, link, true])
    }
})

test('every image that a page names is the one that is pinned', async () => {
  const files = ['compose.yaml', 'compose.cassandra-ui.yaml', ...new Bun.Glob('manifests/**/*.yaml').scanSync(ROOT)]
  const pinned = new Map<string, string>()
  for (const file of files)
    for (const [, image = '', tag = ''] of (await Bun.file(join(ROOT, file)).text()).matchAll(/image: (\S+):(\S+)$/gm))
      pinned.set(image, tag)
  const named: string[] = []
  for (const page of PAGES)
    for (const [, image = '', tag = ''] of (await Bun.file(join(ROOT, page)).text()).matchAll(
      /(?:docker\.io\/)?((?:[\w-]+(?:\.[\w-]+)*\/)+(?:kafka|grafana|kafka-ui|kafdrop|prometheus|cassandra-web)|\bcassandra):v?(\d+\.\d+\.\d+)/g,
    )) {
      named.push(image)
      expect([page, image, pinned.get(image)?.replace(/^v/, '')]).toEqual([page, image, tag])
    }
  expect(new Set(named).size).toBe(pinned.size - 1)
})
