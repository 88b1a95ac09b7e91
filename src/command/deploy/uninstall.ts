import { truth } from '../../config/value.ts'
import { local, OUTPUT, plainCommand } from '../command.ts'
import { CONSENT, DRY_RUN, TARGET, WAITING } from './flags.ts'

export const UNINSTALL = {
  ...TARGET,
  ...CONSENT,
  timeout: WAITING.timeout,
  'delete-data': local(truth, false, 'Delete volumes and credentials too; the namespace must be typed'),
  ...DRY_RUN,
  ...OUTPUT,
}

export const deployUninstallCommand = plainCommand({
  name: 'deploy',
  sub: 'uninstall',
  describe: 'Take the pipeline away; volumes and credentials stay unless --delete-data',
  examples: [
    ['stockpipe deploy uninstall', 'a later apply finds the data again'],
    ['stockpipe deploy uninstall --dry-run', 'only what would go and what would stay'],
    ['stockpipe deploy uninstall --delete-data', 'nothing stays'],
  ],
  local: UNINSTALL,
  async run({ values, ...call }) {
    const { runUninstall } = await import('./run-uninstall.ts')
    return runUninstall(values, call)
  },
})
