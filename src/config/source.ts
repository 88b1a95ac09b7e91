/** Where values come from: flags, variables, the file. Each source is read into a map by key. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'

import { nearest } from './nearest.ts'
import { commandsOf, envOf, flagOf, kebab, type Alias, type CommandName, type Option } from './option.ts'
import { KEYS, OPTIONS, type Key } from './options.ts'
import type { Problem } from './problems.ts'

export interface Sources {
  command: CommandName
  /** What a person calls it, where that is more than its name: `deploy render`. */
  title?: string
  /** Flags of the command itself, which a mistyped one may mean. */
  local?: readonly string[]
  /** As the parser of the command line gives them: by name without dashes. */
  flags: Readonly<Record<string, unknown>>
  env: Readonly<Record<string, string | undefined>>
  cwd: string
}

/** Best first. `derived`: chosen because of another option. */
export type SourceKind = 'flag' | 'environment' | 'alias' | 'file' | 'derived' | 'default'

export interface Origin {
  source: SourceKind
  /** The flag, the variable or the file, as a person knows it. */
  name: string
}

/** A value as it was written, before it is understood. */
export interface Given {
  text: string
  origin: Origin
}
export type GivenByKey = Partial<Record<Key, Given>>

export interface Read {
  given: GivenByKey
  problems: Problem[]
  warnings: string[]
}

const optionOf = (key: Key): Option<unknown> => OPTIONS[key]

const asText = (value: unknown, option: Option<unknown>): string | Problem => {
  if (Array.isArray(value)) {
    const items = (value as unknown[]).filter((item) => item !== null && typeof item !== 'object').map(String)
    if (option.type.switch) return items.at(-1) ?? ''
    if (option.type.list && items.length === value.length) return items.join(',')
    return { what: '', why: option.type.list ? 'a list of plain values is allowed' : 'only one value is allowed' }
  }
  if (value !== null && typeof value === 'object') return { what: '', why: `allowed: ${option.type.accepts}` }
  return String(value)
}

/** Flags of this command, by their names. Anything else is a problem, and secrets most of all. */
export function fromFlags({ command, title = command, local = [], flags }: Sources): Read {
  const read: Read = { given: {}, problems: [], warnings: [] }
  const own = new Map(
    KEYS.filter((key) => commandsOf(optionOf(key)).includes(command)).map((key) => [flagOf(key, optionOf(key)), key]),
  )
  for (const [flag, value] of Object.entries(flags)) {
    if (value === undefined) continue
    const key = own.get(flag)
    const secret = KEYS.find((key) => optionOf(key).secret && kebab(key) === flag)
    if (secret) read.problems.push(secretFlag(secret, optionOf(secret).secret?.file ?? ''))
    else if (!key) read.problems.push(unknownFlag(flag, title, [...local, ...own.keys()]))
    else put(read, key, value, { source: 'flag', name: `--${flag}` })
  }
  return read
}

function put(read: Read, key: Key, value: unknown, origin: Origin): void {
  const text = asText(value, optionOf(key))
  if (typeof text === 'string') read.given[key] = { text, origin }
  else read.problems.push({ what: `${origin.name} has more than one value`, why: text.why })
}

const secretFlag = (key: Key, file: string): Problem => ({
  what: `--${kebab(key)} is not taken on the command line`,
  why: `every user of this machine can read it there: set ${envOf(key)}, or name a file with --${kebab(file)}`,
})

function unknownFlag(flag: string, command: string, own: Iterable<string>): Problem {
  const dashes = flag.length === 1 ? '-' : '--'
  const elsewhere = KEYS.find((key) => flagOf(key, optionOf(key)) === flag)
  if (elsewhere)
    return {
      what: `${dashes}${flag} is no option of ${command}`,
      why: `it belongs to: ${commandsOf(optionOf(elsewhere)).join(', ')}`,
    }
  const like = nearest(
    flag,
    [...own].filter((name) => !isSecret(name)),
  )
  return { what: `unknown option ${dashes}${flag}`, why: like === null ? undefined : `did you mean --${like}?` }
}

const isSecret = (flag: string): boolean => KEYS.some((key) => optionOf(key).secret && kebab(key) === flag)

/** `STOCKPIPE_*` variables and the aliases. Empty ones and those that Kubernetes makes for services count as not set. */
export function fromEnvironment({ env }: Sources): Read {
  const read: Read = { given: {}, problems: [], warnings: [] }
  for (const key of KEYS) {
    const name = envOf(key)
    const value = usable(env[name], optionOf(key))
    if (value !== undefined) read.given[key] = { text: value, origin: { source: 'environment', name } }
    else fromAliases(key, env, read)
  }
  return read
}

function fromAliases(key: Key, env: Sources['env'], read: Read): void {
  for (const alias of optionOf(key).aliases ?? []) {
    const value = usable(env[alias.name], optionOf(key))
    const port = alias.port === undefined ? undefined : usable(env[alias.port])
    if (value === undefined && port !== undefined)
      read.warnings.push(`${alias.port ?? ''} has no effect without ${alias.name}`)
    if (value === undefined || read.given[key]) continue
    read.given[key] = { text: withPort(value, port), origin: { source: 'alias', name: aliasName(alias, port) } }
  }
}

const aliasName = (alias: Alias, port: string | undefined): string =>
  port === undefined || alias.port === undefined ? alias.name : `${alias.name} + ${alias.port}`

/** Adds the port to each host that has none. */
const withPort = (hosts: string, port: string | undefined): string =>
  port === undefined
    ? hosts
    : hosts
        .split(',')
        .map((host) => (/:\d+$/.test(host.trim()) ? host : `${host.trim()}:${port.trim()}`))
        .join(',')

const usable = (value: string | undefined, option?: Option<unknown>): string | undefined => {
  if (value === undefined || isServiceLink(value)) return undefined
  return value.trim() === '' && !option?.type.refusesEmpty ? undefined : value
}

const isServiceLink = (value: string): boolean => /^(tcp|udp|sctp):\/\//.test(value)
const SERVICE_NAME = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/

/** One warning for each variable that looks meant for us and is not known. */
export function unknownVariables(env: Sources['env']): string[] {
  const known = KEYS.map(envOf)
  return Object.keys(env)
    .filter((name) => name.startsWith('STOCKPIPE_') && !known.includes(name))
    .filter((name) => !SERVICE_NAME.test(name) && !isServiceLink(env[name] ?? ''))
    .map((name) => {
      const like = nearest(name, known)
      return `${name} is not an option of stockpipe${like === null ? '' : `; did you mean ${like}?`}`
    })
}

/** The keys of the file. `named`: somebody asked for this file, so that it must be there. */
export function fromFile(named: string | null, cwd: string): Read {
  const file = resolve(cwd, named ?? 'stockpipe.yaml')
  const read: Read = { given: {}, problems: [], warnings: [] }
  if (named === null && !existsSync(file)) return read
  const label = named ?? basename(file)
  const content = readYaml(file, label)
  if ('what' in content) return { ...read, problems: [content] }
  for (const [name, value] of content.entries) {
    const key = KEYS.find((key) => kebab(key) === name && key !== 'config')
    if (!key) read.problems.push(unknownKey(name, label))
    else if (value !== null) put(read, key, value, { source: 'file', name: `${label}: ${name}` })
  }
  return read
}

function unknownKey(name: string, label: string): Problem {
  const like = nearest(kebab(name).replaceAll('_', '-'), KEYS.filter((key) => key !== 'config').map(kebab))
  return { what: `${label}: unknown key ${name}`, why: like === null ? undefined : `did you mean ${like}?` }
}

function readYaml(file: string, label: string): { entries: [string, unknown][] } | Problem {
  try {
    const text = readFileSync(file, 'utf8')
    const content: unknown = Bun.YAML.parse(text) ?? {}
    if (typeof content !== 'object' || content === null || Array.isArray(content))
      return { what: `${label} is not a list of "key: value" lines` }
    const twice = repeatedKey(text)
    if (twice !== undefined) return { what: `${label}: ${twice} is there twice` }
    return { entries: Object.entries(content) }
  } catch (error) {
    return { what: `cannot read ${label}`, why: error instanceof Error ? error.message : String(error) }
  }
}

function repeatedKey(text: string): string | undefined {
  const keys = [...text.matchAll(/^["']?([\w-]+)["']?\s*:/gm)].map((found) => found[1])
  return keys.find((key, index) => keys.indexOf(key) !== index)
}
