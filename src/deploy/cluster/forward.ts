/** A port of this machine that leads into a pod. */
import { createServer, type Server, type Socket } from 'node:net'
import type { WebSocket } from 'ws'

import { StockpipeError } from '../../errors.ts'
import type { ForwardTarget } from '../cluster.ts'
import type { Connection } from './connection.ts'

/** The first look at whether there is a way holds nobody up for longer. */
const LOOK_MS = 5_000

/**
 * Resolves when it listens. Each connection is a websocket of its own. Throws what no later connection could mend: a
 * missing right, a pod that is not there.
 */
export async function forwardPort(
  connection: Connection,
  target: ForwardTarget,
  signal: AbortSignal,
): Promise<{ port: number }> {
  await refuseClosed(connection, target, signal)
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    // A client that leaves is its own business.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => open.delete(socket))
    void carry(connection, target, socket)
  })
  const port = await listening(server, target.localPort ?? 0)
  const stop = () => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  return { port }
}

const listening = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new StockpipeError('port-in-use', `127.0.0.1:${port} cannot be listened on`, {
          hint: 'choose another port',
          cause: error,
        }),
      ),
    )
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })

const wayTo = ({ namespace, pod, port }: ForwardTarget) => ({
  asked: {
    what: `reach port ${port} of Pod ${namespace}/${pod}`,
    right: { verb: 'get', group: '', resource: 'pods/portforward', namespace },
  },
  path: `/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`,
  protocols: ['v4.channel.k8s.io'],
})

async function refuseClosed({ openSocket }: Connection, target: ForwardTarget, signal: AbortSignal): Promise<void> {
  try {
    const way = await openSocket({ ...wayTo(target), timeoutMs: LOOK_MS, signal })
    way.close()
  } catch (error) {
    if (error instanceof StockpipeError && !error.retryable) throw error
  }
}

/** Bytes of the pod's port, and what the node says of it instead. */
const DATA = 0

/** From the socket into the pod and back, until either side ends it. */
async function carry(connection: Connection, target: ForwardTarget, socket: Socket): Promise<void> {
  socket.pause()
  let websocket: WebSocket
  try {
    websocket = await connection.openSocket(wayTo(target))
  } catch {
    socket.destroy()
    return
  }
  websocket.on('error', () => socket.destroy())
  // The client may have left while it was being opened.
  if (socket.destroyed) return websocket.close()
  websocket.on('close', () => socket.end())
  socket.on('close', () => websocket.close())
  download(websocket, socket)
  upload(socket, websocket)
  socket.resume()
}

/** Each frame begins with its channel; the first of a channel holds the number of the port and nothing else. */
function download(websocket: WebSocket, socket: Socket): void {
  const begun = new Set<number>()
  websocket.on('message', (frame: Buffer) => {
    const channel = frame[0] ?? DATA
    const bytes = frame.subarray(begun.has(channel) ? 1 : 3)
    begun.add(channel)
    if (bytes.length === 0) return
    // What nothing listens for in the pod is said on the other channel.
    if (channel !== DATA) {
      socket.destroy()
    } else if (!socket.write(bytes)) {
      websocket.pause()
      socket.once('drain', () => websocket.resume())
    }
  })
}

function upload(socket: Socket, websocket: WebSocket): void {
  socket.on('data', (bytes: Buffer) => {
    socket.pause()
    websocket.send(Buffer.concat([Buffer.of(DATA), bytes]), () => socket.resume())
  })
}
