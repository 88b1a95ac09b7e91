import { BlockList, isIP } from 'node:net'

type Environment = Readonly<Record<string, string | undefined>>

const SECURE = new Set(['https:', 'wss:'])
const DEFAULT_PORT: Readonly<Record<string, string>> = { 'https:': '443', 'wss:': '443', 'http:': '80', 'ws:': '80' }
const SEPARATOR = /[\s,]+/

/**
 * The proxy that the environment names for this address, as a URL, or undefined. `HTTPS_PROXY` serves https and wss,
 * `HTTP_PROXY` http and ws, `ALL_PROXY` both; small letters come first. `NO_PROXY` lists hosts, domains
 * (`.example.org` and its subdomains), `host:port`, ranges of addresses (`10.0.0.0/8`) or `*`. This machine itself is never behind a proxy.
 */
export function proxyFor(address: string, env: Environment): string | undefined {
  const url = new URL(address)
  if (isLoopback(url.hostname) || isExempt(url, read(env, 'no_proxy'))) return undefined
  const proxy = read(env, SECURE.has(url.protocol) ? 'https_proxy' : 'http_proxy') || read(env, 'all_proxy')
  if (!proxy) return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

/**
 * The same for a request by `fetch`. Bun's reads the environment too, and knows neither that this machine is never
 * behind a proxy nor ranges of addresses: what is to be reached directly must be told to it there.
 */
export function proxyOrDirect(address: string): string | undefined {
  const proxy = proxyFor(address, process.env)
  if (proxy !== undefined) return proxy
  const { hostname } = new URL(address)
  // Both names hold what counts, or the one would hide what the other exempts.
  const known = read(process.env, 'no_proxy')
  if (!known.split(SEPARATOR).includes(hostname))
    process.env['no_proxy'] = process.env['NO_PROXY'] = known === '' ? hostname : `${known},${hostname}`
  return undefined
}

const read = (env: Environment, name: string): string => (env[name] || env[name.toUpperCase()] || '').trim()

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)

function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.toLowerCase()
  const port = url.port || DEFAULT_PORT[url.protocol]
  return list
    .toLowerCase()
    .split(SEPARATOR)
    .filter(Boolean)
    .some((pattern) => {
      if (pattern === '*' || isInRange(host, pattern)) return true
      const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(pattern) ?? []
      const domain = name.replace(/^\*?\./, '')
      return (only === undefined || only === port) && (host === domain || host.endsWith(`.${domain}`))
    })
}

function isInRange(host: string, pattern: string): boolean {
  const [network = '', bits] = pattern.split('/')
  const address = host.replace(/^\[|\]$/g, '')
  const version = isIP(address)
  if (bits === undefined || version === 0 || isIP(network) !== version || !/^\d{1,3}$/.test(bits)) return false
  if (Number(bits) > (version === 4 ? 32 : 128)) return false
  const family = version === 4 ? 'ipv4' : 'ipv6'
  const range = new BlockList()
  range.addSubnet(network, Number(bits), family)
  return range.check(address, family)
}
