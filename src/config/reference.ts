/** The table of options as Markdown, for README. */
import { markdownTable, withMarked } from './markdown.ts'
import { commandsOf, envOf, flagOf, GROUPS, type Group, type Option } from './option.ts'
import { KEYS, OPTIONS, type Key } from './options.ts'
import { showValue } from './show.ts'

export const reference = (): string =>
  (Object.keys(GROUPS) as Group[]).map((group) => `### ${GROUPS[group]}\n\n${table(group)}`).join('\n\n')

const HEAD = ['Flag', 'Variable', 'Default', 'What it says']

function table(group: Group): string {
  const rows = KEYS.map((key) => [key, OPTIONS[key] as Option<unknown>] as const)
    .filter(([, option]) => option.group === group)
    .map(([key, option]) => row(key, option))
  return markdownTable([HEAD, ...rows])
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

/** README with the present reference between its marks, or null when it has no marks. */
export const withReference = (readme: string): string | null => withMarked(readme, 'options', reference())
