import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { WebSocket } from 'ws'

/**
 * Resolves to null when the websocket is open, and to the server's answer where it is none. Throws why there is no
 * connection; one that the signal ends is closed.
 */
export function opened(socket: WebSocket, signal: AbortSignal): Promise<Response | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Response | null>()
  const end = () => {
    reject(signal.reason)
    socket.terminate()
  }
  socket.on('error', reject)
  socket.once('open', () => resolve(null))
  socket.once('unexpected-response', (_request, answer) => {
    void text(answer)
      .then((body) => new Response(body, { status: answer.statusCode ?? 500, headers: headersOf(answer) }))
      .then(resolve, reject)
      .finally(() => socket.terminate())
  })
  if (signal.aborted) end()
  signal.addEventListener('abort', end, { once: true })
  return promise.finally(() => signal.removeEventListener('abort', end))
}

/** What a refusal is read for besides its body. */
const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
  headers['retry-after'] === undefined ? {} : { 'retry-after': headers['retry-after'] }
