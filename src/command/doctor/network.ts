import { lookup } from 'node:dns/promises'
import { connect, createServer } from 'node:net'

import { defaultListen, printHostPort, type HostPort, type Settings } from '../../config.ts'
import { parseHostPort } from '../../config/address.ts'
import { fail, ok, reason, warn, type Finding } from '../../finding.ts'
import { within } from './patience.ts'

const PATIENCE_MS = 3_000

/** Whether the address of `run` can be listened on. */
export async function checkPort(settings: Settings): Promise<Finding> {
  const wanted = settings.listen ?? defaultListen(settings.role)
  const trouble = await tryToListen(wanted)
  const address = printHostPort(wanted)
  if (trouble === null) return ok('port', `${address} is free`)
  const fix = 'stop what listens there, or choose another with --listen host:port'
  const words = trouble.code === 'EADDRINUSE' ? `${address} is in use` : `${address}: ${trouble.message}`
  return settings.listen === null && trouble.code === 'EADDRINUSE'
    ? warn('port', `${words}, perhaps by stockpipe itself`, fix)
    : fail('port', words, fix)
}

function tryToListen({ host, port }: HostPort): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}

/** Whether the names of the hosts that these settings need are known. */
export async function checkNames(settings: Settings, behindProxy: boolean): Promise<Finding[]> {
  const hosts = [
    ...(settings.feed === 'finnhub' ? [new URL(settings.finnhubUrl).hostname] : []),
    ...(settings.broker === 'kafka' ? (settings.kafkaBrokers ?? []).map((item) => parseHostPort(item, 9092).host) : []),
    ...(settings.store === 'cassandra' ? (settings.cassandraContactPoints ?? []) : []),
  ].map((host) => host.replace(/^\[|\]$/g, ''))
  if (hosts.length === 0) return [ok('dns', 'no other host is needed')]
  return Promise.all([...new Set(hosts)].map((host) => checkName(host, behindProxy)))
}

async function checkName(host: string, behindProxy: boolean): Promise<Finding> {
  try {
    const { address } = await within(PATIENCE_MS, lookup(host))
    return ok('dns', `${host} is ${address}`)
  } catch (error) {
    const words = `${host}: ${reason(error)}`
    if (behindProxy) return warn('dns', words, 'nothing, if the proxy knows the name')
    return fail('dns', words, 'check the name, /etc/resolv.conf and the network')
  }
}

/** The proxy for HTTPS and websockets, or null. */
export function proxyOf(env: Readonly<Record<string, string | undefined>>): string | null {
  const names = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy']
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '') ?? null
}

export async function checkProxy(proxy: string | null): Promise<Finding> {
  if (proxy === null) return ok('proxy', 'none')
  const url = URL.parse(proxy)
  if (!url || !/^https?:$/.test(url.protocol))
    return fail('proxy', 'HTTPS_PROXY or HTTP_PROXY is no http:// or https:// address', 'write http://host:port')
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const trouble = await tryToConnect({ host: url.hostname.replace(/^\[|\]$/g, ''), port })
  return trouble === null
    ? ok('proxy', `${url.host} answers`)
    : fail('proxy', `${url.host}: ${trouble}`, 'correct HTTPS_PROXY, or list the hosts to reach directly in NO_PROXY')
}

function tryToConnect({ host, port }: HostPort): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS })
    const end = (trouble: string | null) => {
      socket.destroy()
      resolve(trouble)
    }
    socket.once('connect', () => end(null))
    socket.once('timeout', () => end('no answer within 3 s'))
    socket.once('error', (error) => end(error.message))
  })
}
