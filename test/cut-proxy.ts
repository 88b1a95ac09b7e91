/** A way to a server that can be cut or held, so that one test can lose a server that others go on using. */
import { connect, createServer, type Socket } from 'node:net'

export interface CutProxy extends AsyncDisposable {
  port: number
  /** Ends every connection, and each new one at once, as where nobody listens. */
  cut(): void
  /** Connections stay, and nothing gets through: a server that hangs. */
  hold(): void
  /** What was held goes on; who was cut off may connect again. */
  open(): void
}

type State = 'open' | 'held' | 'cut'

/** Stands before `host:port` on a free port of this machine. */
export async function openCutProxy({ host, port }: { host: string; port: number }): Promise<CutProxy> {
  let state: State = 'open'
  const pairs = new Map<Socket, Socket>()
  const flow = (from: Socket, to: Socket): void => {
    if (state === 'open') from.pipe(to)
    else from.unpipe(to).pause()
  }
  const end = (client: Socket): void => {
    client.destroy()
    pairs.get(client)?.destroy()
    pairs.delete(client)
  }
  const turn = (next: State): void => {
    state = next
    for (const [client, server] of pairs)
      if (next === 'cut') end(client)
      else for (const [from, to] of [[client, server] as const, [server, client] as const]) flow(from, to)
  }
  const listener = createServer((client) => {
    if (state === 'cut') {
      client.destroy()
      return
    }
    const server = connect({ host, port })
    pairs.set(client, server)
    for (const socket of [client, server])
      socket
        .setNoDelay(true)
        .on('error', () => end(client))
        .on('close', () => end(client))
    flow(client, server)
    flow(server, client)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut: () => turn('cut'),
    hold: () => turn('held'),
    open: () => turn('open'),
    async [Symbol.asyncDispose]() {
      turn('cut')
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
