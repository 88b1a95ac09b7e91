import { connect } from 'node:net'

const PATIENCE_MS = 2_000

export interface Question {
  port: number
  request: Uint8Array
  isAnswer: (bytes: Uint8Array) => boolean
}

/** Whether a server on loopback answers a request of its protocol, within 2 s. */
export function answers({ port, request, isAnswer }: Question): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  let got = Buffer.alloc(0)
  const socket = connect(port, '127.0.0.1', () => socket.write(request))
  socket.on('data', (bytes: Buffer) => {
    got = Buffer.concat([got, bytes])
    if (isAnswer(got)) resolve(true)
  })
  socket.on('error', () => resolve(false))
  socket.on('close', () => resolve(false))
  socket.setTimeout(PATIENCE_MS, () => resolve(false))
  return promise.finally(() => socket.destroy())
}
