/** Asks the API. Where it wants a token, the person is asked for it; this tab remembers. */
export class Client {
  readonly #ask: () => Promise<string>
  #token = sessionStorage.getItem(KEY)
  #asking: Promise<void> | null = null

  constructor(ask: () => Promise<string>) {
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
    const headers = this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }
    const response = await fetch(path, { headers })
    if (response.status !== 401) return response
    this.#asking ??= this.#askForToken()
    await this.#asking
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

  async #askForToken(): Promise<void> {
    this.#token = await this.#ask()
    sessionStorage.setItem(KEY, this.#token)
    this.#asking = null
  }
}

const KEY = 'stockpipe-token'
