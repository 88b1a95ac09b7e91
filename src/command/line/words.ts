/** What the words of a command line name and which of them are switches, told before the parser sees them. */
import { commandsOf, flagOf, type Option } from '../../config/option.ts'
import { KEYS, OPTIONS } from '../../config/options.ts'
import type { ValueType } from '../../config/value.ts'
import { StockpipeError } from '../../errors.ts'
import type { Command } from '../command.ts'

/** The command or sub-command that the words name, as far as names alone tell; null: none. */
export function named(words: readonly string[], commands: readonly Command[]): Command | null {
  let found: Command | null = null
  let level = commands
  for (const word of skipOptions(words, () => (found ? [found, ...level] : level))) {
    const next = level.find((command) => wordOf(command) === word)
    if (next === undefined) break
    found = next
    level = next.subs ?? []
  }
  return found
}

/** The word that picks this one among its neighbours. */
export const wordOf = (command: Command): string => command.sub ?? command.name

/** The words that are neither options nor their values. `here`: whose options may stand at this place. */
function* skipOptions(words: readonly string[], here: () => readonly Command[]): Generator<string> {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    if (word === '--') return
    if (!word.startsWith('-')) yield word
    else if (!word.includes('=') && !here().some((command) => standsAlone(meaningOf(word, command), words[i + 1]))) i++
  }
}

interface Meaning {
  name: string
  type: ValueType<unknown>
}

/** Whether the word behind it is none of its values. */
const standsAlone = (meaning: Meaning | null, next = ''): boolean =>
  meaning !== null &&
  ((meaning.type.switch ?? false) ||
    (meaning.type.bare !== undefined && !meaning.type.choices?.includes(next.toLowerCase())))

/** What a word means to a command, if anything. */
function meaningOf(word: string, command: Command): Meaning | null {
  const spellings = (name: string) => [`--${name}`, `--no-${name}`]
  const own = Object.entries(command.local).find(
    ([name, { short }]) => spellings(name).includes(word) || (short !== undefined && word === `-${short}`),
  )
  if (own) return { name: own[0], type: own[1].type }
  const shared = KEYS.map((key): [string, Option<unknown>] => [flagOf(key, OPTIONS[key]), OPTIONS[key]]).find(
    ([flag, option]) => spellings(flag).includes(word) && commandsOf(option).includes(command.name),
  )
  return shared ? { name: shared[0], type: shared[1].type } : null
}

/**
 * Gives every switch its value (`--x` is `--x=true`, `--no-x` is `--x=false`; yargs would take `--x=maybe` for false
 * without a word), and what may stand alone the one that it then means. Yargs also stumbles over names that every object
 * has (`--constructor`). A word means what it means to the command that is named; if nothing to that one, what it means
 * to its neighbours, so that it is refused by name.
 */
export function spellSwitches(words: readonly string[], commands: readonly Command[]): string[] {
  const chosen = named(words, commands)
  const family = commands.filter((command) => command === chosen || command.subs?.some((sub) => sub === chosen))
  const nearby = [...family, ...commands].flatMap((command) => [command, ...(command.subs ?? [])])
  const end = words.indexOf('--')
  return words.map((word, index) => {
    if (!word.startsWith('-') || (end >= 0 && index >= end)) return word
    const bare = word.slice(2).replace(/=.*$/s, '')
    if (bare !== '' && bare in Object.prototype)
      throw new StockpipeError('usage', `unknown option --${bare}`, { hint: 'stockpipe --help' })
    const meaning = firstMeaning(word, chosen ? [chosen, ...nearby] : nearby)
    if (meaning === null || !standsAlone(meaning, words[index + 1])) return word
    if (!meaning.type.switch) return word === `--${meaning.name}` ? `${word}=${meaning.type.bare}` : word
    return `--${meaning.name}=${word === `--no-${meaning.name}` ? 'false' : 'true'}`
  })
}

function firstMeaning(word: string, commands: readonly Command[]) {
  for (const command of commands) {
    const meaning = meaningOf(word, command)
    if (meaning) return meaning
  }
  return null
}
