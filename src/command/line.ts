/** The command line, taken apart by yargs. Nothing runs in here. */
import { nearest } from '../config/nearest.ts'
import type { StockpipeError } from '../errors.ts'
import { titleOf, type Command, type CommandLine } from './command.ts'
import { parser, usage, type Parsed } from './line/parser.ts'
import { spellSwitches, wordOf } from './line/words.ts'

const HELP = ['--help', '-h']

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
  const rest = argv._.slice(named ? titleOf(command).split(' ').length : 0).map(String)
  if (!named && rest[0] !== undefined) throw unknownCommand(rest[0], commands)
  if (command.subs && rest[0] !== undefined) throw unknownCommand(rest[0], command.subs, command)
  if (wantsHelp) {
    await parser(args, commands, { help: named ? 'command' : 'top' }).parser.parseAsync()
    return null
  }
  return { command, flags: flagsOf(argv, command), positional: positionalOf(argv, rest, command) }
}

function flagsOf(argv: Parsed, command: Command): Record<string, unknown> {
  const own = new Set(['_', '$0', command.positional?.name])
  return Object.fromEntries(Object.entries(argv).filter(([name, value]) => !own.has(name) && value !== undefined))
}

function positionalOf(argv: Parsed, rest: readonly string[], command: Command): string | null {
  const { positional } = command
  const name = titleOf(command)
  const help = `stockpipe ${name} --help`
  if (rest[0] !== undefined) throw usage(`${name} does not take ${JSON.stringify(rest[0])}`, help)
  if (!positional) return null
  const given = argv[positional.name]
  const { choices } = positional
  if (given === undefined) {
    if (positional.isRequired)
      throw usage(
        `${name} needs a ${positional.name}`,
        choices ? `stockpipe ${name} ${choices[0] ?? ''}` : help,
        choices?.join(', '),
      )
    return null
  }
  const text = typeof given === 'string' ? given : JSON.stringify(given)
  if (choices === undefined || choices.includes(text) || positional.hidden?.includes(text)) return text
  const like = nearest(text, choices)
  throw usage(
    `unknown ${positional.name} ${JSON.stringify(text)}`,
    like === null ? help : `stockpipe ${name} ${like}`,
    `allowed: ${choices.join(', ')}`,
  )
}

/** `group`: the command whose sub-commands these are. */
function unknownCommand(word: string, commands: readonly Command[], group?: Command): StockpipeError {
  const start = group ? `stockpipe ${group.name}` : 'stockpipe'
  const names = commands.map(wordOf)
  if (names.includes(word)) return usage(`the command ${word} must come before its options`, `${start} ${word} ...`)
  const like = nearest(word, names)
  return usage(
    `unknown command ${JSON.stringify(group ? `${group.name} ${word}` : word)}`,
    like === null ? `${start} --help` : `${start} ${like}`,
    like === null ? group && `there are: ${names.join(', ')}` : `did you mean ${like}?`,
  )
}
