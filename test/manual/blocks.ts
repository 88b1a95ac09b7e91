/** The fenced blocks of README and docs that a reader would run, and what the line above each says of who runs it here. */
import { join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dir, '../..')
/** What people read who use it: those of folders that are about the tests themselves are for those who build it. */
export const PAGES = [
  'README.md',
  ...['docs/*.md', '{bi,grafana,manifests}/README.md', 'examples/*/README.md'].flatMap((pattern) => [
    ...new Bun.Glob(pattern).scanSync(ROOT),
  ]),
].sort()

export type Language = 'sh' | 'python' | 'sql'

export interface Block {
  page: string
  language: Language
  text: string
  /** The words of the HTML comment right above: `run by FILE`, `not run: REASON`, or a scene; empty without one. */
  mark: string
  /** Its first line, for people. */
  name: string
}

const BLOCK = /(?:^[ ]*<!-- ([^\n]*) -->\n\n?)?^( *)```(sh|python|sql)\n([^]*?)^\2```/gm

export async function blocksOf(page: string): Promise<Block[]> {
  const text = await Bun.file(join(ROOT, page)).text()
  return [...text.matchAll(BLOCK)].map(([, mark = '', indent = '', language, body = '']) => {
    const lines = body.split('\n').map((line) => line.slice(indent.length))
    return { page, language: language as Language, text: lines.join('\n'), mark, name: lines[0] ?? '' }
  })
}

/** Its commands, one a line: what the shell joins is joined, comments and what a command is fed with are left out. */
export const commandsOf = ({ text }: Block): string[] =>
  text
    .replaceAll(/<<'(\w+)'\n[^]*?\n\1$/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/ +#.*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
