import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { underWatch } from './watch.ts'

const LATE_MS = 120_000
const POLL_MS = 50
const TAIL_LINES = 25

export interface ServerPlan {
  /** Of its log, too: `<root>/<name>.log`. */
  name: string
  /** The folder of the instance. */
  root: string
  command: readonly string[]
  /** What the log says once it serves. */
  startedLine: RegExp
  /** Whether its protocol answers. */
  answers(): Promise<boolean>
}

/** One server process. */
export interface Server {
  pid: number
  /** Settles when it serves, or when it cannot: then with the end of its log. */
  started: Promise<void>
  isRunning(): boolean
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Ends it and resolves when it is gone. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

/** The end of a child's pipe goes with its object: these are held while they run. */
const held = new Set<object>()

export function startServer(plan: ServerPlan): Server {
  const path = join(plan.root, `${plan.name}.log`)
  const log = openSync(path, 'a')
  const from = statSync(path).size
  const child = Bun.spawn(underWatch(plan.root, plan.command), {
    cwd: plan.root,
    // Nothing of the tester's own shell, such as tokens or Java options.
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' },
    stdin: 'pipe',
    stdout: log,
    stderr: log,
    // Ctrl-C at a terminal is for us, not for it.
    detached: true,
  })
  closeSync(log)
  held.add(child)
  let isMeantToEnd = false
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const text = () => readFileSync(path).subarray(from).toString()
  const words = (what: string) => `${plan.name} ${what}; from its log:\n${excerpt(text())}`
  const started = untilStarted(plan, { isRunning, text, words })
  void child.exited.then(async () => {
    held.delete(child)
    const isUp = await started.then(
      () => true,
      () => false,
    )
    if (isUp && !isMeantToEnd) console.error(words(`ended by itself (${child.signalCode ?? child.exitCode})`))
  })
  return {
    pid: child.pid,
    started,
    isRunning,
    signal: (signal) => child.kill(signal),
    async end(signal) {
      isMeantToEnd = true
      child.kill(signal)
      // A process that is paused sees no other signal than SIGKILL.
      if (signal === 'SIGTERM') child.kill('SIGCONT')
      await child.exited
    },
  }
}

/** The end of a log, and before it the complaints, for a server may say much after the reason for its end. */
function excerpt(log: string): string {
  const lines = log.trimEnd().split('\n')
  const tail = lines.slice(-TAIL_LINES)
  const complaints = lines.slice(0, -TAIL_LINES).filter((line) => /\b(ERROR|FATAL)\b|^Caused by/.test(line))
  return [...complaints.slice(-TAIL_LINES), ...tail].join('\n')
}

/** Starts it, waits until it serves and ends it politely. */
export async function runOnce(plan: ServerPlan): Promise<void> {
  const server = startServer(plan)
  try {
    await server.started
  } finally {
    await server.end(server.isRunning() ? 'SIGTERM' : 'SIGKILL')
  }
}

interface Watched {
  isRunning: () => boolean
  /** What it logged since this start. */
  text: () => string
  words: (what: string) => string
}

async function untilStarted(plan: ServerPlan, { isRunning, text, words }: Watched): Promise<void> {
  const end = Date.now() + LATE_MS
  // The log says that it is this server which serves, for on a port that was taken another one would answer.
  while (!(plan.startedLine.test(text()) && (await plan.answers()))) {
    if (!isRunning()) throw new Error(words('ended before it served'))
    if (Date.now() > end) throw new Error(words(`does not serve after ${LATE_MS / 1000} s`))
    await Bun.sleep(POLL_MS)
  }
}
