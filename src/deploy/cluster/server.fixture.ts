/** A small API server over mutual TLS, for what a real one does only when it is broken. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'

import type { KubeObject } from '../object.ts'
import { FakeApi, KINDS, Refused } from './api.fixture.ts'
import { certificateAuthority, type Authority, type Issued, type Pair } from './certificates.fixture.ts'
import type { Status } from './refusal.ts'

/** What the server does instead of answering. */
export interface Fault {
  /** Of `GET /api/v1/...` whether it is meant. */
  when: RegExp
  /** How often. */
  times: number
  status?: Status
  headers?: Record<string, string>
  /** Cuts the connection. */
  cut?: boolean
}

export interface FakeServer extends AsyncDisposable {
  readonly api: FakeApi
  readonly url: string
  readonly ca: Authority
  /** `GET /api/v1/namespaces/x`, in order. */
  readonly requests: string[]
  readonly faults: Fault[]
  /** Lines of every log, a quarter of a second apart. One that is followed goes on until it is let go. */
  readonly logLines: string[]
  /** Ends every answer that is still being given. */
  cutStreams(): void
  /** The same, as if it were whole. */
  endStreams(): void
  /** Path of a kubeconfig; `ca` that it trusts and `client` are those of the server unless given. */
  kubeconfig(wanted?: { ca?: string; client?: Pair; server?: string }): Promise<string>
}

const PAGE = 3
const LOG_BEGIN = Date.parse('2026-01-01T00:00:00Z')
/** As a node writes it: to the nanosecond, in its own zone. */
const stamp = (time: number): string => `${new Date(time + 2 * 3_600_000).toISOString().replace('Z', '000000+02:00')} `

export async function startFakeServer(options: { certificate?: Partial<Issued> } = {}): Promise<FakeServer> {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-api-server-'))
  const ca = await certificateAuthority()
  const api = new FakeApi()
  const requests: string[] = []
  const faults: Fault[] = []
  const logLines = ['one', 'two']
  const open = new Set<ServerResponse>()
  const pair = await ca.issue({
    subject: 'CN=kube-apiserver',
    names: ['127.0.0.1', 'localhost'],
    ...options.certificate,
  })
  const server = createServer(
    { cert: pair.cert, key: pair.key, ca: ca.cert, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      open.add(response)
      response.on('close', () => open.delete(response))
      void answer(request, response)
    },
  )
  echoPorts(server, (asked) => faultOf(asked)?.status)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  function faultOf(asked: string): Fault | undefined {
    const fault = faults.find(({ when, times }) => times > 0 && when.test(asked))
    if (fault) fault.times--
    return fault
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = `${request.method} ${request.url}`
    requests.push(asked)
    const fault = faultOf(asked)
    if (fault?.cut) return void request.socket.destroy()
    if (fault?.status) return send(response, fault.status.code, { kind: 'Status', ...fault.status }, fault.headers)
    if (!('authorized' in request.socket && request.socket.authorized))
      return send(response, 401, { kind: 'Status', code: 401, reason: 'Unauthorized', message: 'Unauthorized' })
    try {
      const body = await bodyOf(request)
      const url = new URL(request.url ?? '/', 'https://x')
      if (url.searchParams.has('watch')) watch(url, response)
      else if (url.pathname.endsWith('/log')) log(url, response)
      else send(response, 200, reply(request.method ?? 'GET', url, body))
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      send(response, error.status.code, { kind: 'Status', ...error.status })
    }
  }

  function reply(method: string, url: URL, body: unknown): unknown {
    if (url.pathname === '/version') return { gitVersion: 'v1.34.4' }
    if (url.pathname.endsWith('/selfsubjectaccessreviews')) return { status: { allowed: true } }
    const { kind, apiVersion, namespace, name } = placeOf(url.pathname)
    if (kind === null) return kindsOf(apiVersion)
    const ref = { apiVersion, kind, namespace, name: name ?? '' }
    if (method === 'DELETE') return (body as { dryRun?: string[] }).dryRun ? api.get(ref) : api.remove(ref)
    if (method === 'PATCH')
      return api.apply(body as KubeObject, {
        manager: url.searchParams.get('fieldManager') ?? '',
        dryRun: url.searchParams.has('dryRun'),
        force: url.searchParams.has('force'),
      })
    return name === null ? page(api.list(kind, namespace, labelsOf(url)), url, api.resourceVersion) : api.get(ref)
  }

  function watch(url: URL, response: ServerResponse): void {
    const { kind, namespace } = placeOf(url.pathname)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const stop = api.onChange(({ type, object }) => {
      if (object.kind !== kind || (namespace !== null && object.metadata.namespace !== namespace)) return
      response.write(`${JSON.stringify({ type, object })}\n`)
    })
    response.on('close', stop)
  }

  function log(url: URL, response: ServerResponse): void {
    const since = Date.parse(url.searchParams.get('sinceTime') ?? '1970-01-01')
    const isStamped = url.searchParams.has('timestamps')
    const stamped = logLines.map((line, index) => ({ line, time: LOG_BEGIN + index * 250 }))
    const asked = stamped.filter(({ time }) => time >= since)
    const lines = asked.slice(
      -Math.min(asked.length, Number(url.searchParams.get('tailLines') ?? Infinity)) || Infinity,
    )
    response.writeHead(200)
    for (const { line, time } of lines) response.write(`${isStamped ? stamp(time) : ''}${line}\n`)
    response.flushHeaders()
    if (!url.searchParams.has('follow')) response.end()
  }

  return {
    api,
    url,
    ca,
    requests,
    faults,
    logLines,
    cutStreams: () => {
      for (const response of open) response.socket?.destroy()
    },
    endStreams: () => {
      for (const response of open) response.end()
    },
    async kubeconfig({ ca: trusted = ca.cert, client, server: address = url } = {}) {
      const { cert, key } = client ?? (await ca.issue({ subject: 'CN=admin,O=system:masters' }))
      const file = join(folder, `${crypto.randomUUID()}.yaml`)
      writeFileSync(file, kubeconfigOf({ server: address, ca: trusted, cert, key }), { mode: 0o600 })
      return file
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? null : JSON.parse(text)
}

/** `/apis/apps/v1/namespaces/x/deployments/y`. */
function placeOf(path: string) {
  const parts = path.split('/').slice(1)
  const apiVersion = parts[0] === 'api' ? (parts[1] ?? '') : `${parts[1]}/${parts[2]}`
  let rest = parts.slice(parts[0] === 'api' ? 2 : 3)
  let namespace: string | null = null
  if (rest[0] === 'namespaces' && rest.length > 2) {
    namespace = rest[1] ?? null
    rest = rest.slice(2)
  }
  const [plural, name = null] = rest
  const kinds = Object.entries(KINDS[apiVersion] ?? {})
  const kind = kinds.find(([, known]) => known.replace('/', '') === plural)?.[0] ?? null
  return { apiVersion, kind, namespace, name }
}

function kindsOf(apiVersion: string): unknown {
  const kinds = KINDS[apiVersion]
  if (!kinds) throw new Refused({ code: 404, message: 'the server could not find the requested resource' })
  return {
    resources: Object.entries(kinds).map(([kind, plural]) => ({
      kind,
      name: plural.replace('/', ''),
      namespaced: !plural.startsWith('/'),
    })),
  }
}

const labelsOf = (url: URL): Record<string, string> =>
  Object.fromEntries(
    (url.searchParams.get('labelSelector') ?? '')
      .split(',')
      .filter(Boolean)
      .map((part) => part.split('=')),
  )

/** In small pages, so that whoever lists has to go on. */
function page(all: readonly KubeObject[], url: URL, resourceVersion: string): unknown {
  const from = Number(url.searchParams.get('continue') ?? 0)
  const items = all.slice(from, from + PAGE).map(({ apiVersion: _1, kind: _2, ...item }) => item)
  const rest = from + PAGE < all.length ? { continue: String(from + PAGE) } : {}
  return { metadata: { resourceVersion, ...rest }, items }
}

/** Every port of every pod says back what it hears, unless it is refused. */
function echoPorts(server: ReturnType<typeof createServer>, refused: (asked: string) => Status | undefined): void {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false })
  server.on('upgrade', (request, socket, head) => {
    const status = refused(`${request.method} ${request.url}`)
    if (status) {
      const body = JSON.stringify({ kind: 'Status', ...status })
      const head = `HTTP/1.1 ${status.code} No\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`
      socket.end(`${head}connection: close\r\n\r\n${body}`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (websocket) => {
      const port = Buffer.alloc(2)
      port.writeUInt16LE(Number(new URL(request.url ?? '/', 'https://x').searchParams.get('ports')))
      websocket.send(Buffer.concat([Buffer.of(0), port]))
      websocket.send(Buffer.concat([Buffer.of(1), port]))
      websocket.on('message', (frame: Buffer) => websocket.send(frame))
    })
  })
}

const kubeconfigOf = ({ server, ca, cert, key }: { server: string; ca: string; cert: string; key: string }): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fake',
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'admin' } }],
    clusters: [{ name: 'fake', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: 'admin', user: { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) } }],
  })

const base64 = (text: string): string => Buffer.from(text).toString('base64')
