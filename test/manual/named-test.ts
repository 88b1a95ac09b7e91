import { dirname, join } from 'node:path'

import { type Block, commandsOf, ROOT } from './blocks.ts'

/** The text of a test file, and of the fixtures beside it that it imports. */
export async function withFixtures(file: string): Promise<string> {
  const text = await Bun.file(join(ROOT, file)).text()
  const fixtures = [...text.matchAll(/from '\.\/(\S+\.fixture\.ts)'/g)].map(([, name = '']) =>
    join(ROOT, dirname(file), name),
  )
  return [text, ...(await Promise.all(fixtures.map((path) => Bun.file(path).text())))].join('\n')
}

/**
 * What of a block's commands a test file does not have: sub-commands, arguments in front of the flags and flags, as words in
 * quotes. Values are the test's own. A test that takes the page's blocks themselves has all of them.
 */
export function absentFrom(test: string, block: Block): string[] {
  if (test.includes(`blocksOf('${block.page}')`)) return []
  const words = commandsOf(block).flatMap(wordsOf)
  return [...new Set(words)].filter((word) => !test.includes(`'${word}'`) && !test.includes(`'${word}=`))
}

/** Names of other programs are words, too; those of ours, and of what each test file is about, are not. */
function wordsOf(command: string): string[] {
  const words = command.split(/ [|>] ?| && /)[0]?.split(/\s+/) ?? []
  const [program = '', ...rest] = words.filter((word) => !/^\w+=/.test(word))
  const flags = rest.filter((word) => /^--?[a-z]/.test(word)).map((flag) => flag.replace(/=.*$/, ''))
  const until = rest.findIndex((word) => word.startsWith('-'))
  const named = (until < 0 ? rest : rest.slice(0, until)).filter((word) => word !== 'deploy')
  return [...(/(^|\/)stockpipe$/.test(program) ? [] : [program]), ...named, ...flags]
}
