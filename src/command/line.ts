/** The command line, taken apart by yargs. Nothing runs in here. */
import yargs, { type Argv } from 'yargs'

import { nearest } from '../config/nearest.ts'
import { commandsOf, flagOf, GROUPS, kebab, type Option } from '../config/option.ts'
import { KEYS, OPTIONS, type Key } from '../config/options.ts'
import { showValue } from '../config/show.ts'
import { StockpipeError } from '../errors.ts'
import type { Command, CommandLine } from './command.ts'

const HELP = ['--help', '-h']
const DEFAULT = 'run'

/** What the words mean, or null when they were answered (help, completion). Throws `usage`. */
export async function takeApart(words: readonly string[], commands: readonly Command[]): Promise<CommandLine | null> {
  if (words.includes('--get-yargs-completions')) {
    await parser(words, commands, { choices: true }).parser.parseAsync()
    return null
  }
  const args = spellSwitches(words[0] === 'help' ? [...words.slice(1), '--help'] : words, commands)
  const plain = args.filter((word) => !HELP.includes(word))
  const wantsHelp = plain.length < args.length
  const { parser: plainParser, chosen } = parser(plain, commands, { lenient: wantsHelp })
  await plainParser.parseAsync()
  const { command, argv } = chosen()
  const named = argv._[0] === command.name
  const rest = argv._.slice(named ? 1 : 0).map(String)
  if (!named && rest[0] !== undefined) throw unknownCommand(rest[0], commands)
  if (wantsHelp) {
    await parser(args, commands, { help: named ? 'command' : 'top' }).parser.parseAsync()
    return null
  }
  return { command, flags: flagsOf(argv, command), positional: positionalOf(argv, rest, command) }
}

/**
 * Gives every switch its value (`--x` is `--x=true`, `--no-x` is `--x=false`): yargs would take `--x=maybe` for
 * false without a word. It also stumbles over names that every object has (`--constructor`).
 */
function spellSwitches(words: readonly string[], commands: readonly Command[]): string[] {
  const switches = new Set([
    ...KEYS.filter((key) => OPTIONS[key].type.switch).map((key) => flagOf(key, OPTIONS[key])),
    ...commands.flatMap(({ local }) => Object.keys(local).filter((name) => local[name]?.type.switch)),
  ])
  const end = words.indexOf('--')
  return words.map((word, index) => {
    if (!word.startsWith('--') || (end >= 0 && index >= end)) return word
    const name = word.slice(2).replace(/=.*$/s, '')
    if (name in Object.prototype) throw usage(`unknown option --${name}`)
    if (switches.has(word.slice(2))) return `${word}=true`
    return word.startsWith('--no-') && switches.has(word.slice(5)) ? `--${word.slice(5)}=false` : word
  })
}

type Parsed = Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] }

interface ParserOptions {
  help?: 'command' | 'top'
  /** Tell yargs the choices, which completion needs; elsewhere our own messages are better. */
  choices?: boolean
  lenient?: boolean
}

function parser(words: readonly string[], commands: readonly Command[], options: ParserOptions) {
  let found: { command: Command; argv: Parsed } | undefined
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
    .epilogue(
      options.help === 'top'
        ? 'stockpipe COMMAND --help shows the options of a command.'
        : 'Options are also variables (--data-dir: STOCKPIPE_DATA_DIR) and keys of stockpipe.yaml (data-dir: ...).',
    )
  if (options.help) built.alias('help', 'h').describe('help', 'Show this')
  if (options.help === 'top') built.usage('Real-time market data: trades in, candles out.\n\n$0 [COMMAND] [OPTIONS]')
  for (const command of commands)
    built.command({
      command: usageOf(command),
      describe: command.describe,
      builder: (inner) => (options.help === 'top' ? inner : declare(inner, command, options)),
      handler: (argv) => {
        found = { command, argv }
      },
    })
  const chosen = () => {
    if (found === undefined) throw usage('no command was understood')
    return found
  }
  return { parser: built, chosen }
}

/** yargs says it in words of its own. */
const reworded = (message = 'the command line is not understood'): string =>
  message.replace(/^Not enough arguments following: (\w[\w-]*)$/, '--$1 needs a value')

const usageOf = ({ name, positional }: Command): string[] => {
  const usage = positional ? `${name} [${positional.name}]` : name
  return name === DEFAULT ? [usage, '$0'] : [usage]
}

function declare(inner: Argv, command: Command, how: ParserOptions): Argv {
  const { positional } = command
  const { choices } = how
  if (positional)
    inner.positional(positional.name, {
      describe: `${positional.describe}: ${positional.choices.join(', ')}`,
      ...(choices ? { choices: positional.choices } : {}),
    })
  for (const [name, { type, describe, short, default: fallback }] of Object.entries(command.local))
    inner.option(name, {
      ...kindOf(type, how),
      ...(choices && type.choices ? { choices: type.choices } : {}),
      ...(short === undefined ? {} : { alias: short }),
      ...(fallback === null || fallback === false ? {} : { defaultDescription: String(type.print(fallback)) }),
      group: 'Options of this command:',
      describe: withChoices(describe, type.choices),
    })
  for (const key of KEYS) declareShared(inner, key, command, how)
  for (const [line, what] of command.examples) inner.example(line, what)
  return inner
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

function flagsOf(argv: Parsed, command: Command): Record<string, unknown> {
  const own = new Set(['_', '$0', command.positional?.name])
  return Object.fromEntries(Object.entries(argv).filter(([name, value]) => !own.has(name) && value !== undefined))
}

function positionalOf(argv: Parsed, rest: readonly string[], command: Command): string | null {
  const { positional, name } = command
  const help = `stockpipe ${name} --help`
  if (rest[0] !== undefined) throw usage(`${name} does not take ${JSON.stringify(rest[0])}`, help)
  if (!positional) return null
  const given = argv[positional.name]
  const choices = positional.choices.join(', ')
  if (given === undefined) {
    if (positional.isRequired)
      throw usage(`${name} needs a ${positional.name}`, `stockpipe ${name} ${positional.choices[0] ?? ''}`, choices)
    return null
  }
  const text = typeof given === 'string' ? given : JSON.stringify(given)
  if (positional.choices.includes(text) || positional.hidden?.includes(text)) return text
  const like = nearest(text, positional.choices)
  throw usage(
    `unknown ${positional.name} ${JSON.stringify(text)}`,
    like === null ? help : `stockpipe ${name} ${like}`,
    `allowed: ${choices}`,
  )
}

function unknownCommand(word: string, commands: readonly Command[]): StockpipeError {
  const names = commands.map(({ name }) => name)
  const known = names.find((name) => name === word)
  if (known) return usage(`the command ${word} must come before its options`, `stockpipe ${word} ...`)
  const like = nearest(word, names)
  return usage(
    `unknown command ${JSON.stringify(word)}`,
    like === null ? 'stockpipe --help' : `stockpipe ${like}`,
    like === null ? undefined : `did you mean ${like}?`,
  )
}

const usage = (message: string, hint = 'stockpipe --help', why?: string) =>
  new StockpipeError('usage', message, { hint, why })
