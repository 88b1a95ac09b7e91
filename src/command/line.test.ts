import { expect, test } from 'bun:test'

import { Secrets } from '../secrets.ts'
import { choice, text, truth } from '../config/value.ts'
import { toExitCode, toWords } from '../errors.ts'
import { execute, local, plainCommand, repeated } from './command.ts'
import { takeApart } from './line.ts'
import { runCommand } from './run.ts'

const ran: unknown[] = []
const saysWhatItGot = (title: string) => (call: { values: unknown; positional: string | null }) => {
  ran.push([title, call.values, call.positional])
  return Promise.resolve(0)
}
const namespace = local(text('a name'), 'pipeline', 'Where', 'n')

const logs = plainCommand({
  name: 'deploy',
  sub: 'logs',
  describe: 'What roles say',
  examples: [['stockpipe deploy logs api -f', 'and go on']],
  positional: { name: 'role', describe: 'Role', choices: ['api', 'kafka'], isRequired: false },
  local: { namespace, follow: local(truth, false, 'Go on', 'f') },
  run: saysWhatItGot('logs'),
})
const verify = plainCommand({
  name: 'deploy',
  sub: 'verify',
  describe: 'As a Job',
  examples: [['stockpipe deploy verify', 'all of it']],
  local: { namespace, set: repeated(text('KEY=VALUE'), 'A value'), 'dry-run': local(truth, false, 'Nothing') },
  run: saysWhatItGot('verify'),
})
const deploy = plainCommand({
  name: 'deploy',
  subs: [logs, verify],
  describe: 'On a cluster',
  examples: [['stockpipe deploy', 'all of it']],
  local: {
    namespace,
    values: repeated(text('a path'), 'File', 'f'),
    yes: local(truth, false, 'Do not ask', 'y'),
    'dry-run': local({ ...choice(['client', 'server']), bare: 'client' }, null, 'Nothing'),
  },
  run: saysWhatItGot('deploy'),
})

/** What ran with what, or what was said instead and with which exit code. */
async function on(...words: string[]): Promise<unknown> {
  ran.length = 0
  try {
    const line = await takeApart(words, [runCommand, deploy])
    if (line === null) return null
    await execute(line, {
      env: {},
      cwd: '/',
      print: () => Promise.resolve(),
      warn: () => undefined,
      secrets: new Secrets(),
    })
    return ran[0]
  } catch (error) {
    expect([toExitCode(error), ran]).toEqual([2, []])
    return toWords(error)
  }
}

const QUIET = { namespace: 'pipeline', values: [], yes: false, 'dry-run': null }

test.each([
  [['deploy'], ['deploy', QUIET, null]],
  [
    ['deploy', '-y', '-f', 'a,b', '-f', 'c'],
    ['deploy', { ...QUIET, yes: true, values: ['a,b', 'c'] }, null],
  ],
  [
    ['deploy', '--dry-run', 'server'],
    ['deploy', { ...QUIET, 'dry-run': 'server' }, null],
  ],
  [
    ['deploy', '--dry-run', '-y'],
    ['deploy', { ...QUIET, yes: true, 'dry-run': 'client' }, null],
  ],
  [
    ['deploy', '--yes', '--dry-run'],
    ['deploy', { ...QUIET, yes: true, 'dry-run': 'client' }, null],
  ],
  [
    ['deploy', '--dry-run', 'verify'],
    ['verify', { namespace: 'pipeline', set: [], 'dry-run': true }, null],
  ],
  [
    ['deploy', 'logs'],
    ['logs', { namespace: 'pipeline', follow: false }, null],
  ],
  [
    ['deploy', 'logs', 'api', '-f'],
    ['logs', { namespace: 'pipeline', follow: true }, 'api'],
  ],
  [
    ['deploy', 'logs', '-f', 'api', '-n', 'x'],
    ['logs', { namespace: 'x', follow: true }, 'api'],
  ],
  [
    ['deploy', '-n', 'x', 'logs', 'kafka'],
    ['logs', { namespace: 'x', follow: false }, 'kafka'],
  ],
  [
    ['-n', 'logs', 'deploy', '--no-yes'],
    ['deploy', { ...QUIET, namespace: 'logs' }, null],
  ],
  [
    ['deploy', 'verify', '--dry-run', '--set', 'a=1,2', '--set=b=3'],
    ['verify', { namespace: 'pipeline', set: ['a=1,2', 'b=3'], 'dry-run': true }, null],
  ],
])('%j: each command has its own flags', async (words, wanted) => {
  expect(await on(...words)).toEqual(wanted)
})

test.each([
  [['deploy', 'lgos'], 'unknown command "deploy lgos"', 'did you mean logs?', 'stockpipe deploy logs'],
  [['deploy', 'lgos', '--help'], 'unknown command "deploy lgos"', 'did you mean logs?', ''],
  [['deploy', 'everything'], 'unknown command "deploy everything"', 'there are: logs, verify', 'deploy --help'],
  [['deploy', 'logs', '--folow'], 'unknown option --folow', 'did you mean --follow?', 'stockpipe deploy logs --help'],
  [['deploy', '--namespce', 'x'], 'unknown option --namespce', 'did you mean --namespace?', 'stockpipe deploy --help'],
  [['deploy', 'logs', '--yes'], 'unknown option --yes', '', 'stockpipe deploy logs --help'],
  [['deploy', '-y', 'logs'], 'unknown option --yes', '', 'stockpipe deploy logs --help'],
  [['deploy', 'logs', 'afka'], 'unknown role "afka"', 'allowed: api, kafka', 'stockpipe deploy logs kafka'],
  [['deploy', 'logs', 'api', 'kafka'], 'deploy logs does not take "kafka"', '', 'stockpipe deploy logs --help'],
  [['deploy', 'verify', 'api'], 'deploy verify does not take "api"', '', 'stockpipe deploy verify --help'],
  [['deploy', '--dry-run=maybe'], '--dry-run "maybe" is not one of the choices', 'client, server', ''],
  [['deploy', 'logs', '--follow=maybe'], '--follow "maybe" is neither true nor false', '', ''],
  [['deploy', 'verify', '--set'], '--set needs a value', '', ''],
  [['deploy', '-f'], '-f needs a value', '', ''],
  [['deploy', '--set', 'a=1'], 'unknown option --set', '', ''],
  [['deploy', 'verify', '-n', 'x', '-n', 'y'], '--namespace is given more than once', '', ''],
  [['logs'], 'unknown command "logs"', '', 'stockpipe --help'],
])('%j is refused, and nothing runs', async (words, what, why, hint) => {
  const said = await on(...words)
  expect(said).toStartWith(`error: ${what}`)
  expect(said).toContain(why)
  expect(said).toContain(hint)
})
