/**
 * Whether a registry has an image, asked from this machine as anybody may: no login is read or sent. To ask for the
 * head of a manifest pulls nothing, and counts against no limit of pulls.
 */
import { proxyOrDirect } from '../../proxy.ts'

/** `closed`: without a login nobody learns whether it is there. */
export type Answer = { state: 'there' | 'absent' | 'closed' } | { state: 'unknown'; why: string }
export type AskRegistry = (image: string) => Promise<Answer>

type Send = (url: string, init: RequestInit & { proxy?: string }) => Promise<Response>

/** In all, so that nobody waits long where there is no network. */
const PATIENCE_MS = 5_000

/** An image for several processors, or for one. */
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** As the kubelet lists it: `stockpipe:1` is `docker.io/library/stockpipe:1` in full. */
export function fullName(image: string): string {
  const [first = '', ...rest] = image.split('/')
  if (rest.length === 0) return `docker.io/library/${image}`
  if (first === 'docker.io' && rest.length === 1) return `docker.io/library/${rest[0]}`
  return /[.:]/.test(first) || first === 'localhost' ? image : `docker.io/${image}`
}

export const registryOf = (image: string): string => fullName(image).split('/', 1)[0] ?? ''

const isLoopback = (registry: string): boolean => /^(localhost|127\.[\d.]+)(:\d+)?$/.test(registry)

export async function askRegistry(
  image: string,
  { send = throughProxy, patienceMs = PATIENCE_MS }: { send?: Send; patienceMs?: number } = {},
): Promise<Answer> {
  const registry = registryOf(image)
  if (isLoopback(registry)) return { state: 'unknown', why: `${registry} is another one for a node` }
  const signal = AbortSignal.timeout(patienceMs)
  try {
    return await asked(image, (url, init) => send(url, { ...init, signal }))
  } catch {
    return { state: 'unknown', why: `${registry} cannot be reached from here` }
  }
}

const throughProxy: Send = (url, init) => {
  const proxy = proxyOrDirect(url)
  return fetch(url, proxy === undefined ? init : { ...init, proxy })
}

async function asked(image: string, send: Send): Promise<Answer> {
  const registry = registryOf(image)
  const name = fullName(image).slice(registry.length + 1)
  const [, repository = '', tag = 'latest', digest] = /^([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(name) ?? []
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry
  const look = (headers: Record<string, string>): Promise<Response> =>
    send(`https://${host}/v2/${repository}/manifests/${digest ?? tag}`, {
      method: 'HEAD',
      headers: { accept: MANIFESTS, ...headers },
    })
  const first = await look({})
  if (first.status !== 401) return judged(first, registry)
  const token = await anonymousToken(first.headers.get('www-authenticate') ?? '', repository, send)
  if (token === null) return { state: 'closed' }
  const second = await look({ authorization: `Bearer ${token}` })
  return second.status === 401 || second.status === 403 ? { state: 'closed' } : judged(second, registry)
}

function judged({ ok, status }: Response, registry: string): Answer {
  if (ok) return { state: 'there' }
  return status === 404 ? { state: 'absent' } : { state: 'unknown', why: `${registry} answered ${status}` }
}

/** What a registry gives to everybody for what is public; null where it wants a login. Throws where nobody answers. */
async function anonymousToken(challenge: string, repository: string, send: Send): Promise<string | null> {
  const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]))
  const realm = fields.get('realm')
  if (!/^bearer /i.test(challenge) || !realm?.startsWith('https://')) return null
  const url = new URL(realm)
  const service = fields.get('service')
  if (service !== undefined) url.searchParams.set('service', service)
  url.searchParams.set('scope', fields.get('scope') ?? `repository:${repository}:pull`)
  const answer = await send(url.href, {})
  if (answer.status === 401 || answer.status === 403) return null
  if (!answer.ok) throw new Error(`${url.host} answered ${answer.status}`)
  const { token, access_token } = (await answer.json()) as { token?: string; access_token?: string }
  return token ?? access_token ?? null
}
