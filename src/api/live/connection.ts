import * as v from 'valibot'

import { nearest } from '../../config/nearest.ts'
import { type Channel, parseChannel } from '../channel.ts'
import { quoted } from '../problem.ts'
import type { ServerMessage } from '../protocol.ts'
import type { Hub } from './hub.ts'
import { Listener, MAX_CHANNELS_PER_CLIENT } from './listener.ts'

export interface Socket {
  send(text: string): void
  isFull(): boolean
  close(code: number, reason: string): void
}

const names = v.optional(v.pipe(v.array(v.string()), v.maxLength(MAX_CHANNELS_PER_CLIENT)))
const message = v.object({
  subscribe: names,
  unsubscribe: names,
  ping: v.optional(v.union([v.string(), v.number()])),
})
type Message = v.InferOutput<typeof message>
const MEMBERS = Object.keys(message.entries)
const MAX_WAITING = 100

/** A WebSocket client: what it says, one message after the other. Nonsense is answered, never fatal. */
export class Connection {
  readonly #hub: Hub
  readonly #socket: Socket
  readonly #listener: Listener
  #waiting = 0
  #work: Promise<void> = Promise.resolve()

  constructor(hub: Hub, socket: Socket) {
    this.#hub = hub
    this.#socket = socket
    this.#listener = new Listener(hub, socket)
  }

  receive(data: unknown): void {
    if (++this.#waiting > MAX_WAITING || this.#socket.isFull())
      return this.#socket.close(1008, 'asks faster than it takes the answers')
    this.#work = this.#work.then(async () => {
      await this.#handle(data)
      this.#waiting--
    })
  }

  close(): void {
    this.#listener.close()
  }

  async #handle(data: unknown): Promise<void> {
    const asked = read(data)
    if (typeof asked === 'string') return this.#tell({ type: 'error', detail: asked })
    for (const channel of asked.unsubscribe ?? []) this.#unsubscribe(channel)
    if (asked.subscribe) await this.#subscribe(asked.subscribe)
    if (asked.ping !== undefined) this.#tell({ type: 'pong', ping: asked.ping })
  }

  #unsubscribe(channel: string): void {
    if (this.#listener.unsubscribe(channel)) this.#tell({ type: 'unsubscribed', channel })
    else this.#tell({ type: 'error', detail: `${quoted(channel)} was not subscribed to` })
  }

  async #subscribe(wanted: readonly string[]): Promise<void> {
    const channels: Channel[] = []
    for (const name of new Set(wanted)) {
      const channel = parseChannel(name)
      if (typeof channel === 'string') this.#tell({ type: 'error', detail: `${quoted(name)}: ${channel}` })
      else channels.push(channel)
    }
    if (this.#listener.countWith(channels) > MAX_CHANNELS_PER_CLIENT)
      return this.#tell({ type: 'error', detail: `at most ${MAX_CHANNELS_PER_CLIENT} channels a client` })
    for (const channel of channels) await this.#begin(channel)
  }

  async #begin(channel: Channel): Promise<void> {
    try {
      await this.#listener.subscribe([channel])
    } catch (error) {
      this.#hub.context.log.warn('stream.subscribe_failed', { error })
      this.#tell({ type: 'error', channel: channel.name, detail: 'cannot be opened at the moment; ask again' })
    }
  }

  #tell(message: ServerMessage): void {
    this.#socket.send(JSON.stringify(message))
  }
}

function read(data: unknown): Message | string {
  if (typeof data !== 'string') return 'messages are text, not binary'
  const value = parse(data)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'messages are JSON objects, as in {"subscribe":["trades:BINANCE:BTCUSDT"]}'
  const unknown = Object.keys(value).find((name) => !MEMBERS.includes(name))
  if (unknown !== undefined) return unknownMember(unknown)
  const result = v.safeParse(message, value)
  if (!result.success) return `subscribe and unsubscribe are lists of channel names, ping is a text or number`
  if (Object.keys(value).length === 0) return `say one of ${MEMBERS.join(', ')}`
  return result.output
}

const unknownMember = (name: string): string => {
  const near = nearest(name, MEMBERS)
  return `${quoted(name)} means nothing here; ${near === null ? `say one of ${MEMBERS.join(', ')}` : `did you mean ${near}?`}`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
