/** Commands of other programs in sentences of the manual: what they name is there, or the list says why nobody looked. */
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT } from './manual/blocks.ts'
import { BY_KUBECTL, inlineCommands, UNREAD } from './manual/inline.ts'

interface Compose {
  services: Record<string, unknown>
}

const found = await inlineCommands()
const scripts = (JSON.parse(await Bun.file(join(ROOT, 'package.json')).text()) as { scripts: Record<string, string> })
  .scripts

async function absentFromCompose(words: readonly string[]): Promise<string[]> {
  const files = words.filter((_, index) => words[index - 1] === '--file')
  const named = files.length === 0 ? ['compose.yaml'] : files
  const missing = named.filter((file) => !existsSync(join(ROOT, file)))
  if (missing.length > 0) return missing
  const all = await Promise.all(
    named.map(async (file) => Bun.YAML.parse(await Bun.file(join(ROOT, file)).text()) as Compose),
  )
  const services = new Set(all.flatMap((compose) => Object.keys(compose.services)))
  const verb = words.findIndex((word, index) => /^(?:up|logs|rm|ps|stop)$/.test(word) && words[index - 1] !== '--file')
  if (verb < 0) return words.length > 0 ? ['a verb that is known'] : []
  return words.slice(verb + 1).filter((word) => !word.startsWith('-') && !services.has(word))
}

/** What a command names and is not there; null: nobody can tell. */
async function absent(line: string): Promise<string[] | null> {
  const parts = line.split(' && ')
  if (parts.length > 1) return (await Promise.all(parts.map(async (part) => (await absent(part)) ?? []))).flat()
  const [program = '', first = '', ...rest] = line.split(' ')
  if (program === 'docker' && first === 'compose') return absentFromCompose(rest)
  if (program === 'docker' && first === 'load') return rest
  if (program === 'npm' && first === 'run')
    return rest[0] !== undefined && rest[0] in scripts ? [] : [`script ${rest[0]}`]
  if (['npm', 'bun'].includes(program) && (first in scripts || first === 'install')) return []
  if (program === 'bun' && first.endsWith('.ts')) return existsSync(join(ROOT, first)) ? [] : [first]
  return null
}

test('the manual has such commands', () => expect(found.length).toBeGreaterThan(25))

test.each(found)(
  '$page: $line names what is there, is run, or stands in the list of those that are not',
  async ({ line }) => {
    if (BY_KUBECTL.includes(line) || line in UNREAD) return
    expect(await absent(line)).toEqual([])
  },
)

test('neither list has a command that is in no page any more', () => {
  const lines = new Set(found.map(({ line }) => line))
  expect([...BY_KUBECTL, ...Object.keys(UNREAD)].filter((line) => !lines.has(line))).toEqual([])
})

test('a file, a service, a script or a command that nobody knows would be noticed', async () => {
  expect(await absent('docker compose --file compose.yml up')).toEqual(['compose.yml'])
  expect(await absent('docker compose --file compose.yaml logs kafkaa')).toEqual(['kafkaa'])
  expect(await absent('npm run test:fault')).toEqual(['script test:fault'])
  expect(await absent('bun install && bun biuld.ts')).toEqual(['biuld.ts'])
  expect(await absent('kubectl delete everything')).toBeNull()
})
