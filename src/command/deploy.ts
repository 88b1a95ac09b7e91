import { StockpipeError } from '../errors.ts'
import { plainCommand, type Command } from './command.ts'
import { deployRenderCommand } from './deploy/render.ts'
import { CONSENT, DRY_RUN, TARGET, WAITING, WISHES } from './deploy/flags.ts'

const SUBS: readonly Command[] = [deployRenderCommand]

export const deployCommand = plainCommand({
  name: 'deploy',
  subs: SUBS,
  describe: 'The whole pipeline on Kubernetes',
  examples: [['stockpipe deploy', 'check the cluster, show the plan, ask, install or upgrade, wait, test']],
  local: { ...TARGET, ...WISHES, ...WAITING, ...CONSENT, ...DRY_RUN },
  run: () => Promise.reject(new StockpipeError('usage', 'deploy cannot run by itself yet')),
})
