import { toWords } from '../../errors.ts'
import { formatOf, OUTPUT, plainCommand } from '../command.ts'
import { FORCE, GIVEN, TARGET, WISHES } from './flags.ts'

export const deployDiffCommand = plainCommand({
  name: 'deploy',
  sub: 'diff',
  describe: 'What apply would change, by a dry run in the cluster; exit 0: nothing, 1: something, 2: an error',
  examples: [
    ['stockpipe deploy diff', 'as a unified diff, secrets hidden'],
    ['stockpipe deploy diff --set kafka.storage=20Gi -o json', 'one value more, as a list of steps'],
  ],
  local: { ...TARGET, ...WISHES, ...GIVEN, ...FORCE, ...OUTPUT },
  async run({ values, print, secrets }) {
    try {
      const { runDiff } = await import('./run-diff.ts')
      return await runDiff(values, { format: formatOf(values), print, secrets })
    } catch (error) {
      // 1 would say that there is a difference.
      process.stderr.write(`${secrets.hide(toWords(error))}\n`)
      return 2
    }
  },
})
