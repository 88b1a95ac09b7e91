import { truth } from '../../config/value.ts'
import { local, plainCommand } from '../command.ts'
import { CONSENT, TARGET, WAITING } from './flags.ts'

export const UNINSTALL = {
  ...TARGET,
  ...CONSENT,
  timeout: WAITING.timeout,
  'delete-data': local(truth, false, 'Delete volumes and credentials too; the namespace must be typed'),
  'dry-run': local(truth, false, 'Only say what would go and what would stay'),
}

export const deployUninstallCommand = plainCommand({
  name: 'deploy',
  sub: 'uninstall',
  describe: 'Take the pipeline away; volumes and credentials stay unless --delete-data',
  examples: [
    ['stockpipe deploy uninstall', 'a later apply finds the data again'],
    ['stockpipe deploy uninstall --delete-data', 'nothing stays'],
  ],
  local: UNINSTALL,
  async run({ values, ...call }) {
    const { runUninstall } = await import('./run-uninstall.ts')
    return runUninstall(values, call)
  },
})
