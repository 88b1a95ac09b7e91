/** Hosts, ports and web addresses. */
import { refuse, splitList, type ValueType } from './value.ts'

export interface HostPort {
  host: string
  port: number
}

const HOST = /^(\[[0-9a-f:.]+(?:%\w+)?\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?)$/i

/** Throws `config` for what is no `host`, `host:port` or `[v6]:port`. `port` undefined: one must be given. */
export function parseHostPort(value: string, defaultPort: number | undefined, least = 1): HostPort {
  const text = value.trim()
  if (text.includes('://')) throw refuse('has a scheme', 'write host:port without the part before ://')
  const [, host = '', digits] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text) ?? []
  if (!HOST.test(host)) throw refuse('is not a host and a port')
  if (digits === undefined && defaultPort === undefined) throw refuse('has no port', `write ${host}:PORT`)
  const port = digits === undefined ? (defaultPort ?? 0) : parsePort(digits, least)
  return { host: host.replace(/^\[|\]$/g, ''), port }
}

function parsePort(digits: string, least: number): number {
  const port = Number(digits)
  if (!/^\d+$/.test(digits) || port < least || port > 65_535)
    throw refuse(
      /^\d+$/.test(digits) ? `has the port ${digits}` : 'has a port that is no number',
      `ports go from ${least} to 65535`,
    )
  return port
}

/** `host:port`, with brackets around an IPv6 address. */
export const printHostPort = ({ host, port }: HostPort): string => `${host.includes(':') ? `[${host}]` : host}:${port}`

/** Where to listen; port 0 is any free one. */
export const listenAddress: ValueType<HostPort> = {
  accepts: 'host:port, like 127.0.0.1:8080 (port 0: any free one)',
  parse: (value) =>
    parseHostPort(/^:?\d+$/.test(value.trim()) ? `127.0.0.1:${value.trim().replace(':', '')}` : value, undefined, 0),
  print: printHostPort,
}

/** `host:port` texts. */
export const hostPorts = (defaultPort: number): ValueType<readonly string[]> => ({
  accepts: `host:port, comma separated (port ${defaultPort} where none is given)`,
  list: true,
  parse: (value) => splitList(value).map((item) => printHostPort(parseHostPort(item, defaultPort))),
  print: (value) => value,
})

export const hosts: ValueType<readonly string[]> = {
  accepts: 'host names or addresses, comma separated',
  list: true,
  parse: (value) =>
    splitList(value).map((item) => {
      if (!HOST.test(item) && !/^[0-9a-f:.]+$/i.test(item)) throw refuse(`has ${quoted(item)}, which is no host`)
      return item
    }),
  print: (value) => value,
}

/** Origins of web pages, or `*`. */
export const webOrigins: ValueType<readonly string[]> = {
  accepts: 'origins like https://example.com, comma separated, or *',
  list: true,
  parse: (value) =>
    splitList(value).map((item) => {
      const url = URL.parse(item)
      if (
        item === '*' ||
        (url && /^https?:$/.test(url.protocol) && url.origin === item.replace(/\/$/, '').toLowerCase())
      )
        return url?.origin ?? item
      throw refuse(`has ${quoted(item)}, which is no origin of a web page`)
    }),
  print: (value) => value,
}

/** A web address of one of the schemes. One that carries a password or a token is refused: it would be logged. */
export const address = (...schemes: readonly string[]): ValueType<string> => ({
  accepts: `an address that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  parse(value) {
    const url = URL.parse(value.trim())
    if (!url || !schemes.includes(url.protocol.slice(0, -1))) throw refuse('is not such an address')
    if (holdsSecret(url))
      throw refuse('holds a token or a password', 'addresses are printed and logged: secrets have options of their own')
    return value.trim()
  },
  print: (value) => value,
})

const holdsSecret = (url: URL): boolean =>
  url.password !== '' ||
  url.username !== '' ||
  [...url.searchParams.keys()].some((key) => /token|secret|key|password/i.test(key))

/** True for a text that may hold a secret and must not be repeated in a message. */
export const looksSecret = (text: string): boolean => {
  const url = URL.parse(text.trim())
  return (url !== null && holdsSecret(url)) || hasLogin(text)
}

/** `user:password@` somewhere. Without a pattern that looks for its end from everywhere: a text may be long. */
const hasLogin = (text: string): boolean =>
  text
    .split('@')
    .slice(0, -1)
    .some((before) => before.split(/[\s/]/).at(-1)?.includes(':'))

/** What a person wrote, for a message about it. */
export const quoted = (text: string): string =>
  looksSecret(text) ? 'what seems to hold a password' : JSON.stringify(text)
