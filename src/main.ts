#!/usr/bin/env bun
import { COMMANDS } from './command/commands.ts'
import { execute } from './command/command.ts'
import { versionWords } from './command/version.ts'
import { toExitCode, toWords } from './errors.ts'
import { Secrets } from './secrets.ts'

const secrets = new Secrets()

async function main(words: readonly string[]): Promise<number> {
  // The commonest question of scripts and probes: answered without loading the parser.
  if (words.length === 1 && ['version', '--version'].includes(words[0] ?? '')) {
    await print(versionWords('text'))
    return 0
  }
  const { takeApart } = await import('./command/line.ts')
  // A word in the wrong place may be one that belongs into a variable.
  const line = await takeApart(words, COMMANDS).catch(async (error: unknown) => {
    const { secretsOfEnvironment } = await import('./config/secret-values.ts')
    secrets.add(...secretsOfEnvironment(process.env))
    throw error
  })
  if (line === null) return 0
  return execute(line, {
    env: process.env,
    cwd: process.cwd(),
    print,
    warn: (text) => process.stderr.write(secrets.hide(text)),
    secrets,
  })
}

const print = (text: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()))
  })

/** The reader of our output has left (`| head`): nobody is there to be told, and nothing is wrong. */
const isBrokenPipe = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EPIPE'

process.stdout.on('error', (error) => {
  if (isBrokenPipe(error)) process.exit(0)
})
/** Who reads the log may leave: the work goes on. */
process.stderr.on('error', () => {})

/** What nobody caught is a bug: its place in the code is worth more than order. */
function crash(error: unknown): never {
  if (isBrokenPipe(error)) process.exit(0)
  const stack = error instanceof Error ? `\n${error.stack ?? ''}` : ''
  process.stderr.write(`${secrets.hide(toWords(error) + stack)}\n`)
  process.exit(1)
}
process.on('uncaughtException', crash)
process.on('unhandledRejection', crash)

let code: number
try {
  code = await main(process.argv.slice(2))
} catch (error) {
  code = isBrokenPipe(error) ? 0 : toExitCode(error)
  if (!isBrokenPipe(error)) process.stderr.write(`${secrets.hide(toWords(error))}\n`)
}
process.exit(code)
