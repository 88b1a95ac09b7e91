/** Which of what was given is secret: for `Secrets`, which hides it. */
import { envOf, type Option } from './option.ts'
import { KEYS, OPTIONS, type Settings } from './options.ts'

type Environment = Readonly<Record<string, string | undefined>>

const SECRET_KEYS = KEYS.filter((key) => (OPTIONS[key] as Option<unknown>).secret)
const PROXIES = ['https_proxy', 'http_proxy', 'all_proxy'].flatMap((name) => [name, name.toUpperCase()])

/** For a command that looks at no settings: all that might be meant. */
export const secretsOfEnvironment = (env: Environment): string[] => [
  ...SECRET_KEYS.flatMap((key) => [envOf(key), ...((OPTIONS[key] as Option<unknown>).aliases ?? []).map(nameOf)])
    .map((name) => env[name]?.trim())
    .filter((value) => value !== undefined),
  ...secretsOfProxies(env),
]

/** A password that is also the user's name is no secret, and would be hidden wherever that name stands. */
export const secretsOfSettings = (settings: Settings, env: Environment): string[] => [
  ...SECRET_KEYS.map((key) => settings[key] as string | null)
    .filter((value) => value !== null)
    .filter((value) => value !== settings.cassandraUsername && value !== settings.kafkaSaslUsername),
  ...secretsOfProxies(env),
]

const secretsOfProxies = (env: Environment): string[] => PROXIES.flatMap((name) => secretsOfUrl(env[name]))

/** The password of an address, as it is written there and as it is meant. A name without a password may be a token. */
export function secretsOfUrl(text: string | undefined): string[] {
  const address = text?.includes('://') === false ? `http://${text}` : text
  const url = address === undefined ? null : URL.parse(address)
  const written = url?.password || url?.username
  if (!url || !written) return []
  return [`${url.username}:${url.password}`, written, meant(written)]
}

function meant(written: string): string {
  try {
    return decodeURIComponent(written)
  } catch {
    return written
  }
}

const nameOf = ({ name }: { name: string }): string => name
