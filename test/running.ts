import { start } from './binary.ts'
import { expectNoCanary } from './canary.ts'
import { until } from './until.ts'

export { until } from './until.ts'

/** A process of ours under test: what it logged so far, where it listens. Killed at the end of the scope. */
export interface Running extends AsyncDisposable {
  child: ReturnType<typeof start>
  /** The events logged so far. */
  lines(): readonly LogLine[]
  named(event: string): readonly LogLine[]
  /** What it printed so far. */
  printed(): string
  /** All that it wrote so far, to either. */
  said(): string
  /** Where its API is, once it says so. */
  url(): Promise<string>
  /** Ends it politely and resolves to its exit code. */
  stop(): Promise<number>
}

export interface LogLine {
  event: string
  [field: string]: unknown
}

/** In either format of the log. */
const STARTED = /\brun\.started\b.*\burl"?[:=]"?([^"\s]+)["\s]/

export function running(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = start(args, env)
  // A test that took too long never comes to the end of its scope.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  void child.exited.then(() => process.off('exit', kill))
  let text = ''
  let printed = ''
  const read = Promise.all([
    collect(child.stderr, (more) => (text += more)),
    collect(child.stdout, (more) => (printed += more)),
  ])
  const lines = (): LogLine[] =>
    text
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine)
  const ended = async (): Promise<number> => {
    const code = await child.exited
    await read
    expectNoCanary('what stockpipe printed', text + printed)
    return code
  }
  return {
    child,
    lines,
    printed: () => printed,
    said: () => text + printed,
    named: (event) => lines().filter((line) => line.event === event),
    async url() {
      const told = () => STARTED.exec(text)?.[1]
      const url = await until(told, (found) => found !== undefined || child.exitCode !== null)
      if (url === undefined) throw new Error(`it ended: ${text}`)
      return url
    },
    stop() {
      child.kill('SIGTERM')
      return ended()
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended()
    },
  }
}

async function collect(stream: AsyncIterable<Uint8Array>, add: (more: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }))
}

/** What /readyz says now. */
export async function readiness(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/readyz`)
  return { status: response.status, text: await response.text() }
}
