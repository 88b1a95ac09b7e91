import type { ClientMessage, LiveRow, ServerMessage } from '../protocol.ts'

export interface Update {
  channel: string
  /** Take `rows` in place of what you had. */
  isSnapshot: boolean
  rows: readonly LiveRow[]
}

export interface SocketOptions {
  url(): URL
  onUpdate(update: Update): void
  onState(isConnected: boolean): void
}

const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 10_000
const ASK_AGAIN_MS = 2_000
const PING_EVERY_MS = 10_000
/** After a sleep of the machine a socket may be dead without knowing. */
const DEAD_AFTER_MS = 25_000

/** The live push, connected again and again; what was subscribed is subscribed anew, and snapshots close the gap. */
export class LiveSocket {
  readonly #options: SocketOptions
  #socket: WebSocket | null = null
  #isStarted = false
  #channels: readonly string[] = []
  #retryMs = FIRST_RETRY_MS
  #heardAt = 0

  constructor(options: SocketOptions) {
    this.#options = options
    setInterval(() => this.#ping(), PING_EVERY_MS)
  }

  /** Follows exactly these channels from now on; connects with the first. */
  follow(channels: readonly string[]): void {
    const gone = this.#channels.filter((channel) => !channels.includes(channel))
    const added = channels.filter((channel) => !this.#channels.includes(channel))
    this.#channels = channels
    if (!this.#isStarted) this.#connect()
    else if (gone.length + added.length > 0) this.#send({ unsubscribe: gone, subscribe: added })
  }

  #connect(): void {
    this.#isStarted = true
    const socket = new WebSocket(this.#options.url())
    this.#socket = socket
    socket.addEventListener('open', () => {
      this.#retryMs = FIRST_RETRY_MS
      this.#heardAt = performance.now()
      this.#send({ subscribe: this.#channels })
      this.#options.onState(true)
    })
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => this.#receive(data))
    socket.addEventListener('close', () => this.#lost(socket))
  }

  /** A dead socket closes only after a long time: it counts as lost at once, and its own end as nothing. */
  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return
    this.#options.onState(false)
    this.#socket = null
    setTimeout(() => this.#connect(), this.#retryMs * (0.5 + Math.random() / 2))
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2)
  }

  #receive(data: string): void {
    this.#heardAt = performance.now()
    const message = JSON.parse(data) as ServerMessage
    if (message.type === 'error' && message.channel !== undefined) this.#askAgain(message.channel)
    if (message.type !== 'snapshot' && message.type !== 'update') return
    if (!this.#channels.includes(message.channel)) return
    this.#options.onUpdate({ channel: message.channel, isSnapshot: message.type === 'snapshot', rows: message.data })
  }

  /** The server could not open it, as when its store is in trouble. */
  #askAgain(channel: string): void {
    setTimeout(() => {
      if (this.#channels.includes(channel)) this.#send({ subscribe: [channel] })
    }, ASK_AGAIN_MS)
  }

  #ping(): void {
    const socket = this.#socket
    if (socket?.readyState !== WebSocket.OPEN) return
    this.#send({ ping: 0 })
    if (performance.now() - this.#heardAt < DEAD_AFTER_MS) return
    this.#lost(socket)
    socket.close()
  }

  #send(message: ClientMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message))
  }
}
