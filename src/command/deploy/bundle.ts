import { chmod } from 'node:fs/promises'

import { path } from '../../config/value.ts'
import { local, plainCommand } from '../command.ts'
import { GIVEN, TARGET, WISHES } from './flags.ts'
import { wantedOf } from './wanted.ts'

export const deployBundleCommand = plainCommand({
  name: 'deploy',
  sub: 'bundle',
  describe: 'Objects, events, logs and figures in one archive for who is asked for help, without any secret',
  examples: [['stockpipe deploy bundle', 'writes stockpipe-bundle.tgz']],
  local: { ...TARGET, ...WISHES, ...GIVEN, out: local(path, 'stockpipe-bundle.tgz', 'File to write') },
  async run({ values, print, secrets }) {
    const { openSession } = await import('./session.ts')
    const { examine } = await import('./examine.ts')
    const { namespaceOf } = await import('../../deploy/intent.ts')
    const { bundle } = await import('../../deploy/observe/bundle.ts')
    using session = openSession(values, secrets)
    const wanted = wantedOf(values, process.env)
    const findings = await examine(session, wanted)
    const files = await bundle({ ...session, namespace: namespaceOf(wanted), findings })
    await Bun.write(values.out, await new Bun.Archive(files, { compress: 'gzip' }).bytes())
    await chmod(values.out, 0o600)
    await print(`${values.out}: ${Object.keys(files).length} files\n`)
    return 0
  },
})
