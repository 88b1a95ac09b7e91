import { OUTPUT, plainCommand } from '../command.ts'
import { CONSENT, DRY_RUN, FORCE, GIVEN, TARGET, WAITING, WISHES } from './flags.ts'

export const APPLY = { ...TARGET, ...WISHES, ...GIVEN, ...WAITING, ...CONSENT, ...DRY_RUN, ...FORCE, ...OUTPUT }

export const deployApplyCommand = plainCommand({
  name: 'deploy',
  sub: 'apply',
  describe: 'Install the pipeline, or bring it up to date',
  examples: [
    ['stockpipe deploy apply', 'shows what would change, asks, applies it wave by wave, and waits'],
    ['stockpipe deploy apply --yes --finnhub-token-file token', 'with live data, and nobody to be asked'],
    ['stockpipe deploy apply --dry-run=server', 'only what the cluster says of it'],
    ['stockpipe deploy apply --yes -o json', 'what was changed, as a list of steps; all else on stderr'],
  ],
  local: APPLY,
  async run({ values, ...call }) {
    const { runApply } = await import('./run-apply.ts')
    return runApply(values, call)
  },
})
