/** Every command, in the order of the help. */
import { backupCommand } from './backup.ts'
import { benchCommand } from './bench.ts'
import { completionCommand } from './completion.ts'
import { configCommand } from './config.ts'
import { dlqCommand } from './dlq.ts'
import { deployCommand } from './deploy.ts'
import { doctorCommand } from './doctor.ts'
import { exportCommand } from './export.ts'
import { grafanaCommand } from './grafana.ts'
import { reprocessCommand } from './reprocess.ts'
import { restoreCommand } from './restore.ts'
import { runCommand } from './run.ts'
import { setupCommand } from './setup.ts'
import { simulateCommand } from './simulate.ts'
import { verifyCommand } from './verify.ts'
import { versionCommand } from './version.ts'

export const COMMANDS = [
  runCommand,
  simulateCommand,
  exportCommand,
  verifyCommand,
  reprocessCommand,
  dlqCommand,
  backupCommand,
  restoreCommand,
  setupCommand,
  benchCommand,
  deployCommand,
  grafanaCommand,
  doctorCommand,
  configCommand,
  versionCommand,
  completionCommand,
]
