import type { LiveRow, ServerMessage } from '../protocol.ts'

export interface Update {
  channel: string
  /** Take `rows` in place of what you had. */
  isSnapshot: boolean
  rows: readonly LiveRow[]
}

export interface SocketEvents {
  onUpdate(update: Update): void
  onState(isConnected: boolean): void
}

const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 10_000

/** The live push, connected again and again; what was subscribed is subscribed anew, and snapshots close the gap. */
export class LiveSocket {
  readonly #events: SocketEvents
  #socket: WebSocket | null = null
  #channels: readonly string[] = []
  #retryMs = FIRST_RETRY_MS

  constructor(events: SocketEvents) {
    this.#events = events
    this.#connect()
  }

  /** Follows exactly these channels from now on. */
  follow(channels: readonly string[]): void {
    const gone = this.#channels.filter((channel) => !channels.includes(channel))
    const added = channels.filter((channel) => !this.#channels.includes(channel))
    this.#channels = channels
    this.#send({ ...(gone.length > 0 ? { unsubscribe: gone } : {}), ...(added.length > 0 ? { subscribe: added } : {}) })
  }

  #connect(): void {
    const socket = new WebSocket(new URL('/v1/stream', location.href.replace(/^http/, 'ws')))
    this.#socket = socket
    socket.addEventListener('open', () => {
      this.#retryMs = FIRST_RETRY_MS
      this.#send({ subscribe: this.#channels })
      this.#events.onState(true)
    })
    socket.addEventListener('message', ({ data }: MessageEvent<string>) =>
      this.#receive(JSON.parse(data) as ServerMessage),
    )
    socket.addEventListener('close', () => {
      this.#events.onState(false)
      setTimeout(() => this.#connect(), this.#retryMs * (0.5 + Math.random() / 2))
      this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2)
    })
  }

  #receive(message: ServerMessage): void {
    if (message.type !== 'snapshot' && message.type !== 'update') return
    if (!this.#channels.includes(message.channel)) return
    this.#events.onUpdate({ channel: message.channel, isSnapshot: message.type === 'snapshot', rows: message.data })
  }

  #send(message: { subscribe?: readonly string[]; unsubscribe?: readonly string[] }): void {
    if (this.#socket?.readyState === WebSocket.OPEN && Object.keys(message).length > 0)
      this.#socket.send(JSON.stringify(message))
  }
}
