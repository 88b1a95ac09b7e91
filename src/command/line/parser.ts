/** The commands as yargs knows them. */
import yargs, { type Argv } from 'yargs'

import { commandsOf, flagOf, GROUPS, kebab, type Option } from '../../config/option.ts'
import { KEYS, OPTIONS, type Key } from '../../config/options.ts'
import { showValue } from '../../config/show.ts'
import { StockpipeError } from '../../errors.ts'
import type { Command, LocalOption } from '../command.ts'
import { named, wordOf } from './words.ts'

const DEFAULT = 'run'

export type Parsed = Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] }

export interface ParserOptions {
  help?: 'command' | 'top'
  /** Tell yargs the choices, which completion needs; elsewhere our own messages are better. */
  choices?: boolean
  lenient?: boolean
}

/** What the parser found: the innermost command, and the words under their names. */
export interface Chosen {
  command: Command
  argv: Parsed
}

interface How extends ParserOptions {
  /** Of which the names tell. A command does not declare its own options for one of its sub-commands. */
  wanted: Command | null
  found: (chosen: Chosen) => void
}

export function parser(words: readonly string[], commands: readonly Command[], options: ParserOptions) {
  let found: Chosen | undefined
  const wanted = named(wordsToName(words), commands)
  const built = yargs([...words])
    .scriptName('stockpipe')
    .locale('en')
    .exitProcess(false)
    .version(false)
    .help(options.help !== undefined)
    .wrap(Math.min(110, process.stdout.columns || 100))
    .showHelpOnFail(false)
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
      'strip-aliased': true,
    })
    .fail((message: string | null, error: Error | undefined) => {
      throw error instanceof StockpipeError ? error : usage(reworded(message ?? error?.message))
    })
    .epilogue(epilogueOf(wanted, options))
  if (options.help) built.alias('help', 'h').describe('help', 'Show this')
  if (options.help === 'top') built.usage('Real-time market data: trades in, candles out.\n\n$0 [COMMAND] [OPTIONS]')
  declareCommands(built, commands, { ...options, wanted, found: (chosen) => (found = chosen) })
  const chosen = () => {
    if (found === undefined) throw usage('no command was understood')
    return found
  }
  return { parser: built, chosen }
}

/** What a shell asks to complete: its words are behind our own name. */
const wordsToName = (words: readonly string[]): readonly string[] =>
  words[0] === '--get-yargs-completions' ? words.slice(2) : words

function epilogueOf(wanted: Command | null, { help }: ParserOptions): string {
  if (help === 'top') return 'stockpipe COMMAND --help shows the options of a command.'
  if (wanted?.subs) return `stockpipe ${wanted.name} COMMAND --help shows the options of a command.`
  const isShared = wanted === null || KEYS.some((key) => commandsOf(OPTIONS[key]).includes(wanted.name))
  return isShared
    ? 'Options are also variables (--data-dir: STOCKPIPE_DATA_DIR) and keys of stockpipe.yaml (data-dir: ...).'
    : ''
}

function declareCommands(yargs: Argv, commands: readonly Command[], how: How): void {
  for (const command of commands)
    yargs.command({
      command: usageOf(command),
      describe: command.describe,
      builder: (inner) => (how.help === 'top' ? inner : declare(inner, command, how)),
      handler: (argv) => how.found({ command, argv }),
    })
}

/** yargs says it in words of its own. */
const reworded = (message = 'the command line is not understood'): string =>
  message.replace(/^Not enough arguments following: (\w[\w-]*)$/, (_, name: string) =>
    name.length === 1 ? `-${name} needs a value` : `--${name} needs a value`,
  )

const usageOf = (command: Command): string[] => {
  const word = wordOf(command)
  const usage = command.positional ? `${word} [${command.positional.name}]` : word
  return word === DEFAULT ? [usage, '$0'] : [usage]
}

function declare(inner: Argv, command: Command, how: How): Argv {
  const { subs = [] } = command
  declareCommands(inner, subs, how)
  return how.wanted !== null && subs.includes(how.wanted) ? inner : declareOptions(inner, command, how)
}

function declareOptions(inner: Argv, command: Command, how: How): Argv {
  const { positional } = command
  if (positional)
    inner.positional(positional.name, {
      describe: withChoices(positional.describe, positional.choices),
      ...(how.choices && positional.choices ? { choices: positional.choices } : {}),
    })
  for (const [name, option] of Object.entries(command.local)) declareLocal(inner, name, option, how)
  for (const key of KEYS) declareShared(inner, key, command, how)
  for (const [line, what] of command.examples) inner.example(line, what)
  return inner
}

function declareLocal(inner: Argv, name: string, option: LocalOption<unknown>, how: ParserOptions): void {
  const { type, describe, short, default: fallback, isRepeated } = option
  inner.option(name, {
    ...kindOf(type, how),
    ...(how.choices && type.choices ? { choices: type.choices } : {}),
    // Offered to a shell it would have two dashes.
    ...(short === undefined || how.choices ? {} : { alias: short }),
    ...(fallback === null || fallback === false || isRepeated
      ? {}
      : { defaultDescription: String(type.print(fallback)) }),
    group: 'Options of this command:',
    describe: withChoices(describe, type.choices),
  })
}

function declareShared(inner: Argv, key: Key, command: Command, how: ParserOptions): void {
  const option: Option<unknown> = OPTIONS[key]
  // Known to the parser, so that the secret is not taken for a word; refused when the flags are read.
  if (option.secret) return void inner.option(kebab(key), { hidden: true, string: true })
  if (!commandsOf(option).includes(command.name)) return
  const { type, describe, group, defaultText } = option
  const fallback = showValue(key, option.default)
  inner.option(flagOf(key, option), {
    ...kindOf(type, how),
    ...(how.choices && type.choices ? { choices: type.choices } : {}),
    ...(defaultText !== undefined
      ? { defaultDescription: defaultText }
      : fallback === null || fallback === false
        ? {}
        : { defaultDescription: String(fallback) }),
    group: `${GROUPS[group]}:`,
    describe: withChoices(describe, type.choices),
  })
}

/** A switch is told apart from what takes a value only where that is shown: see `spellSwitches`. */
const kindOf = (type: Option<unknown>['type'], { help, choices, lenient }: ParserOptions) =>
  type.switch && (help || choices) ? { boolean: true } : { requiresArg: !lenient }

const withChoices = (describe: string, choices: readonly string[] | undefined): string =>
  choices ? `${describe}: ${choices.join(', ')}` : describe

export const usage = (message: string, hint = 'stockpipe --help', why?: string) =>
  new StockpipeError('usage', message, { hint, why })
