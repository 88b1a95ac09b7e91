import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Server, type ServerPlan, startServer } from './server.ts'

/** Servers of one kind, numbered from 1, with their data in a folder that goes with them. */
export interface Servers extends AsyncDisposable {
  /** Process ids by node, the first is node 1's. */
  readonly pids: readonly number[]
  /** Kills it at once (SIGKILL) and resolves when it is gone. Its data stays. */
  kill(node?: number): Promise<void>
  /** Halts it where it is: its connections stay open and silent. */
  pause(node?: number): void
  resume(node?: number): void
  /** Starts it again on the same data and ports, after a polite stop when it still runs; resolves when it serves. */
  restart(node?: number): Promise<void>
  /** Ends all of them and removes their data; so does the end of the scope. */
  stop(): Promise<void>
}

/** A new folder for an instance, gone at the end of the scope. */
export function newRoot(kind: string): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), `stockpipe-test-${kind}-`))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) }
}

/** Starts all at once, in a new folder that `prepare` fills, and resolves when all serve. */
export async function startServers(kind: string, prepare: (root: string) => ServerPlan[]): Promise<Servers> {
  const root = newRoot(kind)
  const servers: Server[] = []
  const stop = async () => {
    await Promise.all(servers.map((server) => server.end('SIGKILL')))
    root[Symbol.dispose]()
  }
  let plans: ServerPlan[]
  try {
    plans = prepare(root.path)
    servers.push(...plans.map(startServer))
    await Promise.all(servers.map(({ started }) => started))
  } catch (error) {
    await stop()
    throw error
  }
  const at = (node: number): Server => {
    const server = servers[node - 1]
    if (server === undefined) throw new Error(`there is no node ${node}, only ${servers.length}`)
    return server
  }
  return {
    get pids() {
      return servers.map(({ pid }) => pid)
    },
    kill: (node = 1) => at(node).end('SIGKILL'),
    pause: (node = 1) => at(node).signal('SIGSTOP'),
    resume: (node = 1) => at(node).signal('SIGCONT'),
    async restart(node = 1) {
      if (at(node).isRunning()) await at(node).end('SIGTERM')
      const plan = plans[node - 1] as ServerPlan
      const again = startServer(plan)
      servers[node - 1] = again
      await again.started
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Whether there is a process of that id. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
