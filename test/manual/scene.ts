/** Where blocks of the manual are run: a folder, what the shell knows, and what the names in the text stand for here. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Block } from './blocks.ts'
import { BINARY } from '../binary.ts'
import { expectNoCanary } from '../canary.ts'

export interface Scene {
  /** Where the commands are given. */
  folder: string
  /** Where scripts and what lasting commands say go, where that is another one. */
  logs?: string
  env?: Readonly<Record<string, string>>
  /** Addresses and files of the manual, and what they are here. */
  names?: Readonly<Record<string, string>>
}

/** Commands that go on until somebody stops them. */
const LASTING = /^(?:\w+=\S+ )*(?:npm start|bun start|(?:dist\/)?stockpipe (?:run|simulate))\b(?!.*--exit-at-end)/

/** The shell itself prints this when every command was given, and then waits for a line. */
const DONE = 'the block is done'

const PRELUDE = `set -eum
started=
watchers=
lasting() { # pid, log: until it is ready
  started="$started $1"
  # Whoever kills this shell, as a test does that took too long, ends what it started.
  ( while kill -0 $$ 2>/dev/null; do sleep 1; done; kill -KILL "-$1" ) >/dev/null 2>&1 </dev/null &
  watchers="$watchers $!"
  for _ in $(seq 400); do
    kill -0 "$1" 2>/dev/null || break
    grep -q 'simulated market at' "$2" && return
    url=$(sed -n 's/.*"event":"run.started".*"url":"\\([^"]*\\)".*/\\1/p' "$2")
    [ -n "$url" ] && curl --silent --fail --output /dev/null "$url/readyz" && return
    sleep 0.05
  done
  cat "$2"
  [ -z "$url" ] || curl --silent "$url/readyz?verbose"
  exit 1
}
finish() {
  for pid in $started; do kill -TERM "-$pid" 2>/dev/null || true; done
  for pid in $started; do wait "$pid" 2>/dev/null || true; done
  for pid in $watchers; do kill -KILL "-$pid" 2>/dev/null || true; done
}
trap finish EXIT
`
const EPILOGUE = `\necho '${DONE}'\nread _ || true\n`

/** A line as the shell is to take it: what lasts is put behind the others, and waited for until it is ready. */
function staged(line: string, index: number): string {
  if (!LASTING.test(line)) return line
  const log = `"$SCENE/lasting-${index}.log"`
  // It is there before anybody looks into it.
  return `: >${log}\n( exec env ${line.replace(/ +#.*$/, '')} ) >${log} 2>&1 </dev/null &\nlasting $! ${log}`
}

export const replaced = (text: string, names: Scene['names'] = {}): string =>
  Object.entries(names).reduce((so, [name, here]) => so.replaceAll(name, here), text)

const scriptOf = ({ text }: Block, { names }: Scene): string => {
  const lines = replaced(text, names).replaceAll('\\\n', ' ').split('\n')
  return `${PRELUDE}${lines.map(staged).join('\n')}${EPILOGUE}`
}

export interface StartedBlock extends AsyncDisposable {
  /** Everything that was shown so far. */
  shown(): string
  /** Stops what lasts. */
  stop(): Promise<void>
}

let scripts = 0

/**
 * Gives the commands of a block of shell as a person at a terminal would who says yes to every question. Resolves when all are
 * done, or, of those that last, ready; throws with what was shown when one fails. What was shown or logged must hold no secret.
 */
export async function startBlock(block: Block, scene: Scene): Promise<StartedBlock> {
  const own = join(scene.logs ?? scene.folder, `.scene-${++scripts}`)
  mkdirSync(own, { recursive: true })
  const script = join(own, 'script.sh')
  writeFileSync(script, scriptOf(block, scene))
  let out = ''
  let answered = 0
  const done = Promise.withResolvers<void>()
  const child = Bun.spawn(['sh', script], {
    cwd: scene.folder,
    env: { ...environment(own), ...scene.env, SCENE: own },
    terminal: {
      cols: 200,
      rows: 50,
      data(terminal, bytes) {
        out += Buffer.from(bytes).toString()
        const asked = out.split('[y/N] ').length - 1
        for (; answered < asked; answered++) terminal.write('y\r')
        if (out.includes(DONE)) done.resolve()
      },
    },
  })
  const stop = async () => {
    if (child.exitCode === null) child.terminal?.write('\r')
    await child.exited
    child.terminal?.close()
    expectNoCanary(`what ${block.page} shows`, [out, ...logsIn(own)].join('\n'))
  }
  await Promise.race([done.promise, child.exited])
  if (!out.includes(DONE)) throw new Error(`${block.page}: a command ended with ${await child.exited}\n${out}`)
  return { shown: () => out.replace(DONE, ''), stop, [Symbol.asyncDispose]: stop }
}

/** What lasting commands said. */
const logsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))

/** Resolves to what was shown. */
export async function runBlock(block: Block, scene: Scene): Promise<string> {
  await using started = await startBlock(block, scene)
  return started.shown()
}

/** The executable under its name; nothing of the tester's own shell. */
function environment(folder: string): Record<string, string> {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  symlinkSync(BINARY, join(bin, 'stockpipe'))
  return {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: process.env['HOME'] ?? '',
    TERM: 'dumb',
    STOCKPIPE_LISTEN: '127.0.0.1:0',
  }
}
