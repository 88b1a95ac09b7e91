import type { ValueType } from './value.ts'

export const COMMANDS = [
  'run',
  'simulate',
  'export',
  'verify',
  'reprocess',
  'dlq',
  'backup',
  'restore',
  'setup',
  'bench',
  'deploy',
  'grafana',
  'doctor',
  'config',
  'version',
  'completion',
] as const
export type CommandName = (typeof COMMANDS)[number]

/** Headings of the reference and of `--help`, in this order. */
export const GROUPS = {
  general: 'General',
  feed: 'Feed',
  replay: 'Replay',
  data: 'Data',
  log: 'Log',
  store: 'Store',
  retention: 'Retention',
  windows: 'Windows',
  http: 'HTTP',
  output: 'Log output',
  simulator: 'Simulator',
} as const
export type Group = keyof typeof GROUPS

/** Which commands know the options of a group. */
const COMMANDS_OF: Readonly<Record<Group, readonly CommandName[]>> = {
  general: ['run', 'doctor', 'config'],
  feed: ['run', 'doctor', 'config'],
  replay: ['run', 'doctor', 'config'],
  data: ['run', 'export', 'verify', 'reprocess', 'dlq', 'backup', 'restore', 'doctor', 'config'],
  log: ['run', 'export', 'verify', 'reprocess', 'dlq', 'backup', 'restore', 'setup', 'bench', 'doctor', 'config'],
  store: ['run', 'export', 'verify', 'reprocess', 'dlq', 'backup', 'restore', 'setup', 'bench', 'doctor', 'config'],
  retention: ['run', 'verify', 'reprocess', 'setup', 'doctor', 'config'],
  windows: ['run', 'verify', 'reprocess', 'doctor', 'config'],
  http: ['run', 'doctor', 'config'],
  output: ['run', 'simulate', 'export', 'verify', 'reprocess', 'dlq', 'backup', 'restore', 'setup', 'doctor', 'config'],
  simulator: ['simulate'],
}

/** An environment variable that existing deployments set. With `port`, that variable holds the port of the address. */
export interface Alias {
  name: string
  port?: string
}

export interface Option<T> {
  type: ValueType<T>
  /** Null: not set. */
  default: T
  describe: string
  group: Group
  /** Said in place of the default where that depends on something. */
  defaultText?: string
  aliases?: readonly Alias[]
  commands?: readonly CommandName[]
  /** Never a flag, and never printed. `file` is the option that names a file holding it. */
  secret?: { file: string }
  /** Where the flag is not the key in kebab-case. */
  flag?: string
}

/** Options of one group: `of(type, default, { describe })`. */
export const inGroup =
  (group: Group) =>
  <T, D extends T | null>(type: ValueType<T>, fallback: D, rest: Rest): Option<T | D> => ({
    type,
    default: fallback,
    group,
    ...rest,
  })
type Rest = Omit<Option<unknown>, 'type' | 'default' | 'group'>

/** The names of one option: `finnhubUrl` is `--finnhub-url` and `STOCKPIPE_FINNHUB_URL`. */
export const kebab = (key: string): string => key.replace(/[A-Z]|(?<=[a-z])\d/g, (part) => `-${part.toLowerCase()}`)
export const flagOf = (key: string, option: Option<unknown>): string => option.flag ?? kebab(key)
export const envOf = (key: string): string => `STOCKPIPE_${kebab(key).replaceAll('-', '_').toUpperCase()}`
export const commandsOf = (option: Option<unknown>): readonly CommandName[] =>
  option.commands ?? COMMANDS_OF[option.group]
