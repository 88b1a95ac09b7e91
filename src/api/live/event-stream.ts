import type { Channel } from '../channel.ts'
import type { Hub } from './hub.ts'
import { Listener } from './listener.ts'

export interface EventStreamOptions {
  channels: readonly Channel[]
  /** What the client says it heard last: an id of ours, or anything. */
  lastEventId: string | null
  /** Aborts when the client has gone. */
  signal: AbortSignal
}

/** Shorter than what any proxy, and Bun itself, takes for a dead connection. */
const KEEPALIVE_MS = 5_000
const MAX_BUFFERED = 256 * 1024

/** Server-sent events of some channels. Rejects, before anything is sent, when one cannot be opened. */
export async function eventStream(hub: Hub, options: EventStreamOptions): Promise<ReadableStream<Uint8Array>> {
  await Promise.all(options.channels.map((channel) => hub.open(channel)))
  const ended = new AbortController()
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async start(controller) {
        const write = (text: string) => {
          if (!ended.signal.aborted) controller.enqueue(encoder.encode(text))
        }
        const isFull = () => (controller.desiredSize ?? 0) <= 0
        const send = (text: string, number: number | null) =>
          write(number === null ? `data: ${text}\n\n` : `id: ${hub.boot}-${number}\ndata: ${text}\n\n`)
        const listener = new Listener(hub, { send, isFull })
        onAbort([hub.signal, options.signal, ended.signal], () => {
          listener.close()
          if (!ended.signal.aborted) controller.close()
          ended.abort()
        })
        write('retry: 2000\n\n')
        void keepAlive(hub, ended.signal, () => isFull() || write(': keepalive\n\n'))
        await begin(hub, listener, options)
      },
      cancel: () => ended.abort(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_BUFFERED }),
  )
}

function begin(hub: Hub, listener: Listener, { channels, lastEventId }: EventStreamOptions): Promise<void> {
  const [boot, number] = lastEventId?.split('-') ?? []
  const known = boot === hub.boot && number !== undefined && /^\d{1,15}$/.test(number) && Number(number) <= hub.number
  return known ? listener.resume(channels, Number(number)) : listener.subscribe(channels)
}

async function keepAlive(hub: Hub, signal: AbortSignal, write: () => void): Promise<void> {
  while (!signal.aborted) {
    await hub.context.clock.sleep(KEEPALIVE_MS, signal)
    if (!signal.aborted) write()
  }
}

function onAbort(signals: readonly AbortSignal[], end: () => void): void {
  const any = AbortSignal.any([...signals])
  if (any.aborted) end()
  else any.addEventListener('abort', end, { once: true })
}
