/** The table of options as Markdown, for README. */
import { commandsOf, envOf, flagOf, GROUPS, type Group, type Option } from './option.ts'
import { KEYS, OPTIONS, type Key } from './options.ts'
import { showValue } from './show.ts'

export const reference = (): string =>
  (Object.keys(GROUPS) as Group[]).map((group) => `### ${GROUPS[group]}\n\n${table(group)}`).join('\n')

const HEAD = ['Flag', 'Variable', 'Default', 'What it says']

function table(group: Group): string {
  const rows = KEYS.map((key) => [key, OPTIONS[key] as Option<unknown>] as const)
    .filter(([, option]) => option.group === group)
    .map(([key, option]) => row(key, option))
  return aligned([HEAD, ...rows])
}

/** Padded as the formatter pads, so that formatting README does not make it stale. */
function aligned([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |\n`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('')
}

function row(key: Key, option: Option<unknown>): string[] {
  const aliases = (option.aliases ?? [])
    .map(({ name, port }) => ` (\`${name}\`${port ? ` + \`${port}\`` : ''})`)
    .join('')
  const flag = option.secret ? '(not a flag)' : `\`--${flagOf(key, option)}\``
  const commands = commandsOf(option)
  const only = commands.includes('run') ? '' : ` Only ${commands.join(', ')}.`
  return [
    flag,
    `\`${envOf(key)}\`${aliases}`,
    defaultOf(key, option),
    escaped(
      `${option.describe}.${option.type.isFree || option.type.switch ? '' : ` Allowed: ${option.type.accepts}.`}${only}`,
    ),
  ]
}

function defaultOf(key: Key, option: Option<unknown>): string {
  if (option.defaultText !== undefined) return escaped(option.defaultText)
  const value = showValue(key, option.default)
  if (value === null) return ''
  return `\`${escaped(Array.isArray(value) ? value.join(',') : String(value))}\``
}

const escaped = (text: string): string => text.replaceAll('|', '\\|')

const BEGIN = '<!-- options -->'
const END = '<!-- /options -->'

/** README with the present reference between its markers, or null when it has no markers. */
export function withReference(readme: string): string | null {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END, begin)
  if (begin < 0 || end < 0) return null
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${reference()}\n${readme.slice(end)}`
}
