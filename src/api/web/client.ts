import { Kept } from './kept.ts'

/** Gets a token from the person; told whether the last one was refused. */
export type AskToken = (wasRefused: boolean) => Promise<string>

/** A server that hangs counts as one that does not answer. */
const PATIENCE_MS = 30_000

/** Asks the API. Where it wants a token, the person is asked for it; this tab remembers. */
export class Client {
  readonly #ask: AskToken
  readonly #kept = new Kept('stockpipe-token', () => sessionStorage)
  #token = this.#kept.read()
  #asking: Promise<void> | null = null

  constructor(ask: AskToken) {
    this.#ask = ask
  }

  /** Null when the server cannot be asked or refuses: who needs the answer asks again. */
  async get<Body>(path: string): Promise<Body | null> {
    try {
      const response = await this.fetch(path)
      return response.ok ? ((await response.json()) as Body) : null
    } catch {
      return null
    }
  }

  async fetch(path: string): Promise<Response> {
    const token = this.#token
    const headers = token === null ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(path, { headers, signal: AbortSignal.timeout(PATIENCE_MS) })
    if (response.status !== 401) return response
    // A refusal that comes late, of a token that has been replaced meanwhile, asks for no other.
    if (token === this.#token) await (this.#asking ??= this.#replaceToken())
    return this.fetch(path)
  }

  get hasToken(): boolean {
    return this.#token !== null
  }

  /** A browser can send no header with a WebSocket. */
  streamUrl(): URL {
    const url = new URL('/v1/stream', location.href)
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    if (this.#token !== null) url.searchParams.set('access_token', this.#token)
    return url
  }

  async #replaceToken(): Promise<void> {
    this.#token = await this.#ask(this.#token !== null)
    this.#kept.write(this.#token)
    this.#asking = null
  }
}
