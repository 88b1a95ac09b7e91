import { structured } from './structured.ts'
import { configuredCommand, formatOf, OUTPUT } from './command.ts'
import { onServers } from './backup/on-servers.ts'

export const backupCommand = configuredCommand({
  name: 'backup',
  describe: 'Copy the embedded log and store into a new folder, also while the pipeline runs',
  examples: [
    ['stockpipe backup backups/monday', 'a whole copy of ./stockpipe-data, which restore puts back'],
    ['stockpipe verify --data-dir backups/monday', 'a backup can be read as a data folder can'],
  ],
  positional: { name: 'folder', describe: 'Where the copy goes; must not be there yet', isRequired: true },
  local: OUTPUT,
  obstacles: ({ settings }) => onServers('backup copies', settings),
  async run({ settings, values, positional, print }) {
    const [{ takeBackup }, { describe }] = await Promise.all([
      import('./backup/take.ts'),
      import('./backup/manifest.ts'),
    ])
    const taken = await takeBackup(settings, positional ?? '')
    const format = formatOf(values)
    if (format === 'text') await print(`${describe(taken)}\nkept in ${taken.folder}\n`)
    else await print(structured(format, taken))
    return 0
  },
})
