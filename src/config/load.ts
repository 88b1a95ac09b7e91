import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { StockpipeError } from '../errors.ts'
import { looksSecret } from './address.ts'
import { choose, doubts, mismatches, type Origins } from './derive.ts'
import { kebab, type Option } from './option.ts'
import { KEYS, OPTIONS, type Key, type Settings } from './options.ts'
import { toError, type Problem } from './problems.ts'
import {
  fromEnvironment,
  fromFile,
  fromFlags,
  unknownVariables,
  type Given,
  type GivenByKey,
  type Origin,
  type Sources,
} from './source.ts'

export interface Loaded {
  settings: Settings
  origins: Origins
  /** For stderr: nothing that stops the program. */
  warnings: string[]
}

/** Reads and checks every option. Throws one `config` error that names all problems. */
export function loadSettings(sources: Sources): Loaded {
  const attempt = readSettings(sources)
  if (attempt.problems.length > 0) throw toError(attempt.problems, `stockpipe ${sources.command} --help`)
  return attempt.loaded
}

/** The same, for a caller with problems of its own to add. */
export function readSettings(sources: Sources): { loaded: Loaded; problems: Problem[] } {
  const flags = fromFlags(sources)
  const environment = fromEnvironment(sources)
  const named = flags.given.config ?? environment.given.config
  const file = fromFile(named?.text ?? null, sources.cwd)
  const problems = [...flags.problems, ...environment.problems, ...file.problems]
  const given: GivenByKey = { ...file.given, ...environment.given, ...flags.given }
  readSecrets(given, sources.cwd, problems)

  const values: Partial<Record<Key, unknown>> = {}
  const from: Partial<Record<Key, Origin>> = {}
  for (const key of KEYS) {
    values[key] = parseOne(key, given[key], problems)
    from[key] = given[key]?.origin ?? { source: 'default', name: 'default' }
  }
  const settings = values as { -readonly [K in Key]: Settings[K] }
  const origins = from as { -readonly [K in Key]: Origin }
  choose(settings, origins)
  if (problems.length === 0) problems.push(...mismatches(settings))
  const warnings = [...environment.warnings, ...unknownVariables(sources.env), ...doubts(settings)]
  return { loaded: { settings, origins, warnings }, problems }
}

/** The value, or the default where nothing or nothing usable was given. */
function parseOne(key: Key, given: Given | undefined, problems: Problem[]): unknown {
  const option = OPTIONS[key] as Option<unknown>
  if (!given) return option.default
  try {
    if (given.text.trim() === '' && !option.type.refusesEmpty) throw new StockpipeError('config', 'is empty')
    return option.type.parse(given.text)
  } catch (error) {
    if (!(error instanceof StockpipeError)) throw error
    problems.push(refused(given, option, error))
    return option.default
  }
}

const refused = (given: Given, option: Option<unknown>, error: StockpipeError): Problem => ({
  what: `${given.origin.name} ${quoted(given.text, option)} ${error.message}`.replace('  ', ' '),
  why: error.why ?? `allowed: ${option.type.accepts}`,
})

/** A value in a message: never a secret, never more than fits. */
function quoted(text: string, option: Option<unknown>): string {
  if (option.secret || looksSecret(text) || text.trim() === '') return ''
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text)
}

const RANK: Readonly<Record<Origin['source'], number>> = {
  flag: 0,
  environment: 1,
  alias: 2,
  file: 3,
  derived: 4,
  default: 5,
}

/** A secret may be given itself or as a file: whichever comes from the better source. */
function readSecrets(given: GivenByKey, cwd: string, problems: Problem[]): void {
  for (const key of KEYS) {
    const { secret } = OPTIONS[key] as Option<unknown>
    const file = secret && given[secret.file as Key]
    if (!file) continue
    const itself = given[key]
    if (itself && RANK[itself.origin.source] < RANK[file.origin.source]) continue
    if (itself && RANK[itself.origin.source] === RANK[file.origin.source]) {
      problems.push({
        what: `${itself.origin.name} and ${file.origin.name} are both set`,
        why: 'only one can be meant',
      })
      continue
    }
    const found = readSecret(file, cwd)
    if (typeof found === 'string')
      given[key] = { text: found, origin: { ...file.origin, name: `file of ${file.origin.name}` } }
    else problems.push(found)
  }
}

function readSecret(file: Given, cwd: string): string | Problem {
  try {
    const secret = readFileSync(resolve(cwd, file.text), 'utf8').trim()
    if (secret === '') return { what: `${file.origin.name} names an empty file`, why: file.text }
    if (/\p{Cc}/u.test(secret))
      return { what: `${file.origin.name} names a file of more than one line`, why: file.text }
    return secret
  } catch (error) {
    return {
      what: `cannot read the file of ${file.origin.name}`,
      why: error instanceof Error ? error.message : kebab(String(error)),
    }
  }
}
