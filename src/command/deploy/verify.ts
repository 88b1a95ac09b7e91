import { plainCommand } from '../command.ts'
import { TARGET, TIMEOUT } from './flags.ts'

export const deployVerifyCommand = plainCommand({
  name: 'deploy',
  sub: 'verify',
  describe: 'Runs stockpipe verify in the cluster: every row against the log; exit 1 if one differs',
  examples: [['stockpipe deploy verify', 'prints differences by row as verify does']],
  local: { ...TARGET, ...TIMEOUT },
  async run({ values, print, secrets }) {
    const { openSession } = await import('./session.ts')
    const { verifyInCluster } = await import('../../deploy/job/verify.ts')
    const { learnSecrets } = await import('../../deploy/secrets.ts')
    using session = openSession(values, secrets)
    await learnSecrets(session)
    const line = (text: string) => void print(secrets.hide(`${text}\n`))
    return await verifyInCluster({ ...session, timeoutMs: values.timeout, line })
  },
})
