import { structured } from './structured.ts'
import { configuredCommand, formatOf, OUTPUT } from './command.ts'
import { onServers } from './backup/on-servers.ts'

export const restoreCommand = configuredCommand({
  name: 'restore',
  describe: 'Put a backup into the data folder, where no data of its origin may be',
  examples: [['stockpipe restore backups/monday', 'then `stockpipe run` goes on where the backup was taken']],
  positional: { name: 'folder', describe: 'What stockpipe backup made', isRequired: true },
  local: OUTPUT,
  obstacles: ({ settings }) => onServers('restore fills', settings),
  async run({ settings, values, positional, print }) {
    const [{ putBack }, { describe }] = await Promise.all([
      import('./backup/put-back.ts'),
      import('./backup/manifest.ts'),
    ])
    const done = await putBack(settings, positional ?? '')
    const format = formatOf(values)
    if (format === 'text') await print(`${describe(done)}\nput into ${done.folder}\n`)
    else await print(structured(format, done))
    return 0
  },
})
