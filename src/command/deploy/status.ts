import { formatOf, OUTPUT, plainCommand } from '../command.ts'
import { structured } from '../structured.ts'
import { TARGET } from './flags.ts'

export const deployStatusCommand = plainCommand({
  name: 'deploy',
  sub: 'status',
  describe: 'What runs, what does not and why, and how the pipeline says it is; exit 1 when not all is well',
  examples: [['stockpipe deploy status', 'each workload, each role, the age of the newest trade']],
  local: { ...TARGET, ...OUTPUT },
  async run({ values, print, secrets }) {
    const { openSession } = await import('./session.ts')
    const { isHealthy, statusOf } = await import('../../deploy/observe/status.ts')
    const { statusLines } = await import('../../deploy/observe/status-words.ts')
    const { learnSecrets } = await import('../../deploy/secrets.ts')
    using session = openSession(values, secrets)
    await learnSecrets(session)
    const status = await statusOf(session)
    const format = formatOf(values)
    if (format === 'text') await print(secrets.hide(`${statusLines(status).join('\n')}\n`))
    else await print(structured(format, secrets.hideIn(status)))
    return isHealthy(status) ? 0 : 1
  },
})
