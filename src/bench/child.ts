import { commandsOf, envOf, type Option } from '../config/option.ts'
import { KEYS, OPTIONS } from '../config/options.ts'
import type { Settings } from '../config.ts'
import { StockpipeError } from '../errors.ts'
import { buildInfo } from '../version.ts'

/** This program once more, in a process of its own, so that its CPU and memory are its own too. */
export interface Child extends AsyncDisposable {
  name: string
  pid: number
  /** Aborts when it has ended. */
  gone: AbortSignal
  /** Asks it to stop, and resolves to what it printed. Throws when it failed. */
  finish(): Promise<string>
  /** Resolves to what it printed when it has ended by itself. Throws when it failed. */
  result(): Promise<string>
  /** Why it is no longer there, for an error. */
  lastWords(): string
}

const STOP_MS = 15_000
const TAIL_CHARACTERS = 2_000

/** `input`: written to its stdin, which stays open for as long as it shall run. */
export function startChild(name: string, words: readonly string[], { settings, input }: ChildOptions): Child {
  const process_ = Bun.spawn([...programWords(), ...words], {
    env: { ...process.env, ...environmentOf(settings) },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  if (input !== undefined) void process_.stdin.write(`${input}\n`)
  void process_.stdin.flush()
  const gone = new AbortController()
  let tail = ''
  const err = collect(process_.stderr, (text) => (tail = (tail + text).slice(-TAIL_CHARACTERS)))
  const out = new Response(process_.stdout).text()
  const ended = Promise.all([process_.exited, err]).then(([code]) => {
    gone.abort()
    return code
  })
  const lastWords = () => tail.trim().split('\n').slice(-6).join('\n       ')
  const result = async () => {
    const code = await ended
    if (code === 0) return out
    throw new StockpipeError('internal', `${name} ended with exit code ${code}`, { why: lastWords() })
  }
  const finish = async () => {
    await process_.stdin.end()
    process_.kill('SIGTERM')
    const timer = setTimeout(() => process_.kill('SIGKILL'), STOP_MS)
    try {
      return await result()
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    name,
    pid: process_.pid,
    gone: gone.signal,
    finish,
    result,
    lastWords,
    async [Symbol.asyncDispose]() {
      await finish().catch(() => {})
    },
  }
}
interface ChildOptions {
  settings: Settings
  input?: string
}

/** From source, bun and the main file; compiled, the executable alone. */
const programWords = (): string[] =>
  buildInfo().commit === 'source' ? [process.execPath, Bun.main] : [process.execPath]

/** Settings as variables: flags could be read by every user of this machine. */
function environmentOf(settings: Settings): Record<string, string> {
  const env: Record<string, string> = {}
  for (const key of KEYS) {
    const { type, ...option } = OPTIONS[key] as Option<unknown>
    if (settings[key] === option.default || !commandsOf({ type, ...option }).includes('run')) continue
    const value = settings[key] === null ? type.nullWord : type.print(settings[key])
    if (value !== undefined) env[envOf(key)] = Array.isArray(value) ? value.join(',') : String(value)
  }
  // The file beside a secret is settled already; both would be one too many.
  for (const key of KEYS) {
    const { secret } = OPTIONS[key] as Option<unknown>
    if (secret && settings[key] !== null) delete env[envOf(secret.file)]
  }
  return env
}

async function collect(stream: AsyncIterable<Uint8Array>, add: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }))
}

/** In a child: the first line of stdin, and a signal that aborts when the parent closes it or is no more. */
export async function fromParent(): Promise<{ line: string; signal: AbortSignal }> {
  const left = new AbortController()
  const first = Promise.withResolvers<string>()
  const reading = async () => {
    let text = ''
    await collect(Bun.stdin.stream() as ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>, (more) => {
      text += more
      if (text.includes('\n')) first.resolve(text.slice(0, text.indexOf('\n')))
    })
    first.resolve(text)
    left.abort()
  }
  reading().catch(() => left.abort())
  return { line: await first.promise, signal: left.signal }
}
