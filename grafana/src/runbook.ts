/** What to do about an alert, from the page for people into its annotations: a link of a notification leads nowhere. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const PAGE = join(import.meta.dir, '../../docs/operations.md')

/** Of a heading, as GitHub names it. */
export const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

export const runbook = (): ReadonlyMap<string, string> => stepsIn(readFileSync(PAGE, 'utf8'))

/** By the anchor of each section: its steps, or all of it where it has none, as plain text. */
export const stepsIn = (page: string): ReadonlyMap<string, string> =>
  new Map(
    [...page.matchAll(/^### (.+)\n([^]*?)(?=^#{1,3} |$(?![^]))/gm)].map(([, title = '', section = '']) => [
      anchorOf(title),
      stepsOf(section.trim()),
    ]),
  )

function stepsOf(section: string): string {
  const lines = section.split('\n').filter((line) => line !== '')
  const steps = lines.filter((line) => line.startsWith('- '))
  return plain((steps.length > 0 ? steps : lines).join('\n'))
}

const plain = (markdown: string): string =>
  markdown
    .replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, (_, text: string, target: string) => linked(text, target))
    .replaceAll(/(?<!\w)_([^_\n]+)_(?!\w)/g, '$1')
    .replaceAll(/\*\*|`/g, '')

/** Other pages are named, as people have to look them up. */
function linked(text: string, target: string): string {
  if (target.startsWith('#')) return text
  return text === target ? `docs/${target}` : `${text} (docs/${target})`
}
