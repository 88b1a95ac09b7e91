/** What a command is: its words, its own flags, and one function that does the work. */
import { readSettings, type Loaded, type Settings } from '../config.ts'
import { quoted } from '../config/address.ts'
import { fromFlags } from '../config/source.ts'
import type { CommandName } from '../config/option.ts'
import { toError, type Problem } from '../config/problems.ts'
import { choice, truth, type ValueType } from '../config/value.ts'
import { secretsOfEnvironment, secretsOfSettings } from '../config/secret-values.ts'
import { StockpipeError } from '../errors.ts'
import type { Secrets } from '../secrets.ts'

/** A flag of one command only: no variable, no key in the file. */
export interface LocalOption<T> {
  type: ValueType<unknown>
  /** Null: not set. */
  default: T
  describe: string
  /** One letter. */
  short?: string
  /** May be given more than once, and each time is a value of its own, commas and all. */
  isRepeated?: boolean
}
export type LocalOptions = Readonly<Record<string, LocalOption<unknown>>>
export type LocalValues<L> = { readonly [K in keyof L]: L[K] extends LocalOption<infer T> ? T : never }

export const local = <T, D extends T | null>(
  type: ValueType<T>,
  fallback: D,
  describe: string,
  short?: string,
): LocalOption<T | D> => ({ type, default: fallback, describe, ...(short === undefined ? {} : { short }) })

/** A flag that may be repeated: a list, empty where it is not given. */
export const repeated = <T>(type: ValueType<T>, describe: string, short?: string): LocalOption<readonly T[]> => ({
  type,
  default: [],
  describe,
  isRepeated: true,
  ...(short === undefined ? {} : { short }),
})

/** `-o json` and `--json`, for a command that prints data. */
export const OUTPUT = {
  output: local(choice(['text', 'json', 'yaml']), 'text', 'How to print', 'o'),
  json: local(truth, false, 'The same as -o json'),
}
export type OutputFormat = 'text' | 'json' | 'yaml'
export const formatOf = (values: LocalValues<typeof OUTPUT>): OutputFormat => (values.json ? 'json' : values.output)

export interface Positional {
  name: string
  describe: string
  /** Without them: any one word. */
  choices?: readonly string[]
  /** Understood too, and shown to nobody: what the program says to itself. */
  hidden?: readonly string[]
  isRequired: boolean
}

export interface PlainCall<Values> {
  values: Values
  positional: string | null
  /** Writes to stdout and resolves when it is gone. */
  print: (text: string | Uint8Array) => Promise<void>
  /** Hides what nobody may read. Whoever learns a secret tells it. */
  secrets: Secrets
}
export interface ConfiguredCall<Values> extends PlainCall<Values>, Loaded {}

/** What is wanted, each part of it valid. */
export interface Wish<Values> {
  settings: Settings
  values: Values
  positional: string | null
}

interface Words<L extends LocalOptions> {
  /** Of the command; a sub-command has that of the command it belongs to, whose options of the table it shares. */
  name: CommandName
  /** The second word of a sub-command: `render` of `stockpipe deploy render`. */
  sub?: string
  /** What may be named after it, each with flags of its own. Without any of them it runs itself, and takes no positional. */
  subs?: readonly Command[]
  describe: string
  /** Command line and what it does, at least one. */
  examples: readonly (readonly [string, string])[]
  positional?: Positional
  local: L
}
/** Does not look at the configuration, so that it works whatever that says. */
export interface PlainCommand<L extends LocalOptions = LocalOptions> extends Words<L> {
  configured: false
  /** Resolves to the exit code. */
  run(call: PlainCall<LocalValues<L>>): Promise<number>
}
export interface ConfiguredCommand<L extends LocalOptions = LocalOptions> extends Words<L> {
  configured: true
  /** What this command cannot do with these settings and flags. Asked before `run`. */
  obstacles?(call: Wish<LocalValues<L>>): readonly Problem[]
  /** Resolves to the exit code. */
  run(call: ConfiguredCall<LocalValues<L>>): Promise<number>
}
export type Command = PlainCommand | ConfiguredCommand

export const plainCommand = <L extends LocalOptions>(command: Omit<PlainCommand<L>, 'configured'>): PlainCommand => ({
  ...command,
  configured: false,
  run: (call) => command.run(call as PlainCall<LocalValues<L>>),
})

export const configuredCommand = <L extends LocalOptions>(
  command: Omit<ConfiguredCommand<L>, 'configured'>,
): ConfiguredCommand => ({
  ...command,
  configured: true,
  run: (call) => command.run(call as ConfiguredCall<LocalValues<L>>),
})

export const isSub = (command: Command): command is Command & { sub: string } => command.sub !== undefined

/** `deploy render`, or `deploy` where it is named alone. */
export const titleOf = (command: Command): string => (isSub(command) ? `${command.name} ${command.sub}` : command.name)

/** The command line, taken apart but not yet understood. */
export interface CommandLine {
  command: Command
  /** By name without dashes. */
  flags: Readonly<Record<string, unknown>>
  positional: string | null
}

export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  print: (text: string | Uint8Array) => Promise<void>
  warn: (text: string) => void
  /** Told of every secret that is found, so that no error shows one. */
  secrets: Secrets
}

/** Checks everything, then runs. Throws one error that names every problem; then nothing has been done. */
export async function execute(line: CommandLine, surroundings: Surroundings): Promise<number> {
  const { command, positional } = line
  const { print, env, cwd, warn, secrets } = surroundings

  const { values, flags, problems } = readLocal(line)
  const title = titleOf(command)
  const hint = `stockpipe ${title} --help`
  const sources = { command: command.name, title, local: Object.keys(command.local), flags, env, cwd }
  if (!command.configured) {
    secrets.add(...secretsOfEnvironment(env))
    problems.push(...fromFlags(sources).problems)
    if (problems.length > 0) throw toError(problems, hint, 'usage')
    return command.run({ values, positional, print, secrets })
  }
  const read = readSettings(sources)
  secrets.add(...secretsOfSettings(read.loaded.settings, env))
  problems.push(...read.problems)
  if (read.problems.length === 0)
    problems.push(...(command.obstacles?.({ settings: read.loaded.settings, values, positional }) ?? []))
  if (problems.length > 0) throw toError(problems, hint)
  for (const warning of read.loaded.warnings) warn(`warning: ${warning}\n`)
  return command.run({ values, positional, print, secrets, ...read.loaded })
}

/** The command's own flags; the others are left for the table of options. */
function readLocal({ command, flags }: CommandLine) {
  const values: Record<string, unknown> = {}
  const problems: Problem[] = []
  for (const [name, option] of Object.entries(command.local)) {
    const given = flags[name]
    values[name] = given === undefined ? option.default : parseLocal(name, given, option, problems)
  }
  const rest = Object.fromEntries(Object.entries(flags).filter(([name]) => !Object.hasOwn(command.local, name)))
  return { values, flags: rest, problems }
}

function parseLocal(name: string, given: unknown, option: LocalOption<unknown>, problems: Problem[]): unknown {
  const { type, isRepeated } = option
  const items = (Array.isArray(given) ? given : [given]).map(String)
  if (isRepeated) return items.map((item) => parseLocal(name, item, { ...option, isRepeated: false }, problems))
  try {
    if (items.length > 1 && !type.list && !type.switch) throw new StockpipeError('usage', 'is given more than once')
    const text = type.list ? items.join(',') : (items.at(-1) ?? '')
    if (text.trim() === '') throw new StockpipeError('usage', 'is empty')
    return type.parse(text)
  } catch (error) {
    if (!(error instanceof StockpipeError)) throw error
    const shown = items.length > 1 || items[0]?.trim() === '' ? '' : ` ${quoted(items[0] ?? '')}`
    problems.push({ what: `--${name}${shown} ${error.message}`, why: error.why ?? `allowed: ${type.accepts}` })
    return option.default
  }
}
