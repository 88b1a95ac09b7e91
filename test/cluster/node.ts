/** The process that keeps a node: while it has our pipe the node lives, and then it removes all of it. */

/** What the node may say last is kept, no more. */
const KEPT = 16_384

export interface Node {
  isRunning: () => boolean
  /** The end of what it complained about. */
  said: () => string
  /** Resolves when nothing of the node is left. */
  end: () => Promise<void>
}

/** The end of a child's pipe goes with its object: these are held while they run. */
const held = new Set<object>()

export function startNode(command: readonly string[]): Node {
  const child = Bun.spawn([...command], {
    // Nothing of the tester's own shell.
    env: {
      PATH: withSystemFolders(process.env['PATH'] ?? ''),
      HOME: '/root',
      TMPDIR: process.env['TMPDIR'] ?? '/tmp',
      // Its daemons' heaps are small; to collect their garbage less often costs less than it saves.
      GOGC: '400',
    },
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'pipe',
    // Ctrl-C at a terminal is for us, not for it.
    detached: true,
  })
  held.add(child)
  let text = ''
  let isMeantToEnd = false
  const reading = (async () => {
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) text = (text + chunk).slice(-KEPT)
  })()
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const gone = child.exited.then(async () => {
    await reading
    held.delete(child)
    if (!isMeantToEnd) console.error(`the node of the test cluster ended by itself:\n${text}`)
  })
  return {
    isRunning,
    said: () => text,
    async end() {
      isMeantToEnd = true
      await child.stdin.end()
      await gone
    },
  }
}

/** Debian's cron and the like leave out where iptables is. */
const withSystemFolders = (path: string): string => [path, '/usr/sbin', '/sbin'].filter(Boolean).join(':')
