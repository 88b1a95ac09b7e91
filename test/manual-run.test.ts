/**
 * Gives every command of README and docs as a reader would: `sh` in a terminal, Python and SQL by the libraries they name. A
 * comment right above a block says where (`on servers`), which test runs it (`run by FILE`), or why none does (`not run: ...`).
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'

import { stockpipe } from './binary.ts'
import { type Block, blocksOf, commandsOf, PAGES } from './manual/blocks.ts'
import { absentFrom, withFixtures } from './manual/named-test.ts'
import { replaced, runBlock, type Scene } from './manual/scene.ts'
import { SCENES, type SceneName, Scenes } from './manual/scenes.ts'
import { serversForTests } from './market.ts'
import { openPython } from './python.ts'

setDefaultTimeout(60_000)

const blocks = (await Promise.all(PAGES.map(blocksOf))).flat()
const python = await openPython()
const scenes = new Scenes(() => servers)
// Before the servers stop, which are started for this file when it runs alone.
afterAll(() => scenes[Symbol.asyncDispose]())
const servers = await serversForTests()

const isScene = (mark: string): mark is SceneName => Object.hasOwn(SCENES, mark)
const here = blocks.filter(({ mark }) => isScene(mark))
const elsewhere = blocks.filter(({ mark }) => mark.startsWith('run by '))
const nowhere = blocks.filter(({ mark }) => mark.startsWith('not run: '))

test('every block is run, or says why not', () => {
  const known = new Set([...here, ...elsewhere, ...nowhere])
  expect(blocks.filter((block) => !known.has(block)).map(({ page, mark }) => `${page}: ${mark}`)).toEqual([])
  expect(here.length).toBeGreaterThan(nowhere.length)
  for (const { mark } of nowhere) expect(mark.length).toBeGreaterThan('not run: it needs'.length)
})

test.each(elsewhere.map((block) => ({ ...block, file: block.mark.slice('run by '.length) })))(
  '$page: $name is in $file',
  async ({ file, ...block }) => {
    expect(absentFrom(await withFixtures(file), block)).toEqual([])
  },
)

/** Rows, of what gives some. */
async function runByPython({ language, text }: Block, { folder, names }: Scene): Promise<unknown> {
  // What a comment says that is needed first.
  for (const [, words = ''] of text.matchAll(/^--.*\bstockpipe (.*)$/gm))
    expect(await stockpipe(words.split(' '), {}, folder)).toMatchObject({ code: 0 })
  return python?.run('run_block.py', { language, folder, text: replaced(text, names) })
}

describe('a reader who does what the page says', () => {
  for (const block of here) {
    const isOnServers = block.mark === 'on servers'
    // No Java, no Python packages: test/services and test/python.ts say so, and fail where CI is set.
    const skipped = (isOnServers && servers === null) || (block.language !== 'sh' && python === null)
    test.skipIf(skipped)(`${block.page}: ${block.name}`, async () => {
      const scene = await scenes.get(block.mark as SceneName)
      if (block.language === 'sh') await runBlock(block, scene)
      else expect(await runByPython(block, scene)).toBeGreaterThan(0)
    })
  }
})

test('a command that fails, ends early or is in no test would be noticed', async () => {
  const scene = await scenes.get('in an empty folder')
  const block = (text: string): Block => ({ page: 'docs/none.md', language: 'sh', text, mark: '', name: text })
  for (const text of ['stockpipe verfy', 'false\ntrue', 'stockpipe run --symbols "" --data-dir x'])
    expect(await runBlock(block(text), scene).catch((error: unknown) => String(error))).toContain('ended with')
  for (const text of ['cat token.txt', 'cat token.txt >"$SCENE/lasting.log"'])
    expect(await runBlock(block(text), scene).catch((error: unknown) => String(error))).toContain('a secret is in')
  expect(absentFrom(`run(['status'])`, block('stockpipe deploy status --junit x'))).toEqual(['--junit'])
  expect(absentFrom(`run(['status'])`, block('stockpipe deploy logs'))).toEqual(['logs'])
  expect(commandsOf(block("a \\\n  b # c\n# d\ncat <<'END'\nx\nEND\n"))).toEqual(['a    b', 'cat'])
})
