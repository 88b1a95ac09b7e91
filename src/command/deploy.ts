import { plainCommand, type Command } from './command.ts'
import { APPLY, deployApplyCommand } from './deploy/apply.ts'
import { deployBundleCommand } from './deploy/bundle.ts'
import { deployCheckCommand } from './deploy/check.ts'
import { deployDiffCommand } from './deploy/diff.ts'
import { deployImageCommand } from './deploy/image.ts'
import { deployLogsCommand } from './deploy/logs.ts'
import { deployOpenCommand } from './deploy/open.ts'
import { deployRenderCommand } from './deploy/render.ts'
import { deployStatusCommand } from './deploy/status.ts'
import { deployTestCommand } from './deploy/test.ts'
import { deployUninstallCommand } from './deploy/uninstall.ts'
import { deployVerifyCommand } from './deploy/verify.ts'

const SUBS: readonly Command[] = [
  deployCheckCommand,
  deployRenderCommand,
  deployDiffCommand,
  deployApplyCommand,
  deployStatusCommand,
  deployTestCommand,
  deployVerifyCommand,
  deployLogsCommand,
  deployOpenCommand,
  deployBundleCommand,
  deployImageCommand,
  deployUninstallCommand,
]

export const deployCommand = plainCommand({
  name: 'deploy',
  subs: SUBS,
  describe: 'The whole pipeline on Kubernetes',
  examples: [['stockpipe deploy', 'check the cluster, show the plan, ask, install or upgrade, wait, test']],
  local: APPLY,
  async run({ values, ...call }) {
    const { runInstall } = await import('./deploy/run-install.ts')
    return runInstall(values, call)
  },
})
