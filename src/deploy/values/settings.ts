/** The options of `stockpipe run` among the values: checked by the table of options, printed as variables. */
import { looksSecret } from '../../config/address.ts'
import { nearest } from '../../config/nearest.ts'
import { commandsOf, envOf, flagOf, type Group, type Option } from '../../config/option.ts'
import { KEYS, type Key, OPTIONS } from '../../config/options.ts'
import type { Problem } from '../../config/problems.ts'
import type { Printed } from '../../config/value.ts'
import { StockpipeError } from '../../errors.ts'

const GROUPS: ReadonlySet<Group> = new Set(['feed', 'log', 'store', 'retention', 'windows', 'http', 'output'])
/** What follows from other values, from the manifests, or is a file that is in no pod. */
const OWN =
  /^(feed|finnhubToken|broker|store|listen|apiToken|kafkaBrokers|kafkaReplication|kafka(Tls|Sasl)|schemaRegistryUrl|cassandra(ContactPoints|Port|Replication|Username|Password|Tls))/

const optionOf = (key: Key): Option<unknown> => OPTIONS[key]
const isFree = (key: Key): boolean => {
  const option = optionOf(key)
  const isSecret = option.secret !== undefined || SECRET_FILES.has(key)
  return GROUPS.has(option.group) && commandsOf(option).includes('run') && !OWN.test(key) && !isSecret
}
/** A ConfigMap is no place for them. */
const SECRET_FILES: ReadonlySet<string> = new Set(KEYS.flatMap((key) => optionOf(key).secret?.file ?? []))

const BY_FLAG = new Map(KEYS.map((key) => [flagOf(key, optionOf(key)), key]))
const FREE = [...BY_FLAG].filter(([, key]) => isFree(key)).map(([flag]) => flag)

/** Variables of the ConfigMap. What is wrong is added to `problems`. */
export function variablesOf(settings: Readonly<Record<string, unknown>>, problems: Problem[]): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [flag, value] of Object.entries(settings)) {
    const key = BY_FLAG.get(flag)
    if (key === undefined || !isFree(key)) problems.push(unknown(flag, key))
    else {
      const checked = checkedText(optionOf(key), value)
      if (checked instanceof Error)
        problems.push({ what: `settings.${flag}: ${checked.message}`, why: whyOf(checked, key) })
      else variables[envOf(key)] = checked
    }
  }
  return variables
}

function unknown(flag: string, key: Key | undefined): Problem {
  if (key !== undefined)
    return { what: `settings.${flag} cannot be set`, why: 'deploy itself decides it, or it is a secret' }
  const meant = nearest(flag, FREE)
  return {
    what: `there is no option settings.${flag}`,
    why: meant === null ? 'the options of stockpipe run are meant' : `did you mean settings.${meant}?`,
  }
}

/** As `print` writes it, so that one wish has one text. */
function checkedText({ type }: Option<unknown>, value: unknown): string | Error {
  const given = Array.isArray(value) ? value.map(String).join(',') : value
  if (!['string', 'number', 'boolean'].includes(typeof given)) return new Error('must be a text, a number or a list')
  try {
    return written(type.print(type.parse(String(given))))
  } catch (error) {
    if (error instanceof StockpipeError)
      return new StockpipeError('config', `${looksSecret(String(given)) ? 'it' : String(given)} ${error.message}`, {
        why: error.why,
      })
    throw error
  }
}

const whyOf = (error: Error, key: Key): string =>
  (error instanceof StockpipeError ? error.why : undefined) ?? `allowed: ${optionOf(key).type.accepts}`

const written = (printed: Printed): string => (typeof printed === 'object' ? printed.join(',') : String(printed))
