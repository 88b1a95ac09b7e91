import { integer } from '../../config/value.ts'
import { PART_NAMES, type Part } from '../../deploy/observe/workloads.ts'
import { StockpipeError } from '../../errors.ts'
import { local, plainCommand } from '../command.ts'
import { FOLLOW, TARGET } from './flags.ts'

export const deployLogsCommand = plainCommand({
  name: 'deploy',
  sub: 'logs',
  describe: 'What the containers of a part write, or of all parts',
  examples: [
    ['stockpipe deploy logs processor -f', 'of every processor, from now on'],
    ['stockpipe deploy logs kafka --tail 1000', 'the last lines of each broker'],
  ],
  positional: { name: 'part', describe: 'Which part; without it: all', choices: PART_NAMES, isRequired: false },
  local: {
    ...TARGET,
    ...FOLLOW,
    tail: local(integer({ min: 0, max: 1_000_000 }), 100, 'How many of the last lines of each container'),
  },
  async run({ values, positional, print, secrets }) {
    const { openSession } = await import('./session.ts')
    const { printLogs } = await import('../../deploy/observe/logs.ts')
    const { learnSecrets } = await import('../../deploy/secrets.ts')
    using session = openSession(values, secrets)
    await learnSecrets(session)
    const parts = positional === null ? PART_NAMES : [positional as Part]
    const { follow, tail } = values
    const count = await printLogs({
      ...session,
      parts,
      follow,
      tail,
      print: (line) => print(secrets.hide(`${line}\n`)),
    })
    if (count > 0 || follow) return 0
    throw new StockpipeError(
      'not-found',
      `there are no pods of ${positional ?? 'the pipeline'} in ${session.namespace}`,
      {
        hint: 'stockpipe deploy status shows what is there; --namespace names another place',
      },
    )
  },
})
