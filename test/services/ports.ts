import { createServer } from 'node:net'

/**
 * Below what Linux and macOS give to outgoing connections: one of those would otherwise sit on the port of a server
 * that was killed and is to come back.
 */
const LOWEST = 15_000
const HIGHEST = 32_000
const ATTEMPTS = 4

/** Free loopback ports. They are not held: another process may take one before its server does. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

/** Starts something on free ports, again on others when one was taken meanwhile; on the given ones where there are some. */
export async function onFreePorts<Started>(
  count: number,
  start: (ports: readonly number[]) => Promise<Started>,
  given?: readonly number[],
): Promise<Started> {
  if (given !== undefined) return await start(given)
  for (let attempt = 1; ; attempt++)
    try {
      return await start(await freePorts(count))
    } catch (error) {
      if (attempt === ATTEMPTS || !isPortTaken(error)) throw error
    }
}

const isPortTaken = (error: unknown): boolean =>
  error instanceof Error && /already in use|BindException|is in use by another process/i.test(error.message)

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
