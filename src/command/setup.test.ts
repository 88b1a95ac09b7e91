import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { runStockpipe } from './stockpipe.fixture.ts'

const cwd = mkdtempSync(join(tmpdir(), 'stockpipe-test-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const login = (name: string, password: string): string => {
  mkdirSync(join(cwd, name), { recursive: true })
  writeFileSync(join(cwd, name, 'username'), name)
  writeFileSync(join(cwd, name, 'password'), password)
  return name
}
const schema = (...more: readonly string[]) =>
  runStockpipe(['setup', 'schema', '--cassandra-contact-points', '127.0.0.1:1', ...more], { cwd })

test('each step says which server it needs, and takes no flags of another step', async () => {
  const refusals = await Promise.all([
    runStockpipe(['setup', 'topics'], { cwd }),
    runStockpipe(['setup', 'schema'], { cwd }),
    runStockpipe(['setup', 'topics', '--kafka-brokers', 'a', '--writer-login', 'x'], { cwd }),
    runStockpipe(['setup', 'shema'], { cwd }),
    schema('--writer-login', 'writer'),
  ])
  expect(refusals.map(({ code, out }) => [code, out])).toEqual(refusals.map(() => [2, '']))
  const words = [
    '--kafka-brokers',
    '--cassandra-contact-points',
    'for setup schema',
    'setup schema',
    '--superuser-login',
  ]
  for (const [at, word] of words.entries()) expect(refusals[at]?.err).toContain(word)
})

test('a login that cannot be is refused before anything is asked, and its password is not told', async () => {
  const own = login('boss', 'a-long-password')
  const refusals = await Promise.all([
    schema('--superuser-login', 'nowhere'),
    schema('--superuser-login', login('brief', 'sesame')),
    schema('--superuser-login', login('cassandra', 'a-long-password')),
    schema('--superuser-login', own, '--writer-login', own),
  ])
  expect(refusals.map(({ code }) => code)).toEqual([2, 2, 2, 2])
  const words = ['cannot read', 'too short', 'must not be "cassandra"', 'two logins are "boss"']
  for (const [at, word] of words.entries()) expect(refusals[at]?.err).toContain(word)
  expect(JSON.stringify(refusals)).not.toMatch(/sesame|a-long-password/)
})
