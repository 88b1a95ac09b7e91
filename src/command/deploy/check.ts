import { truth } from '../../config/value.ts'
import { formatOf, local, OUTPUT, plainCommand } from '../command.ts'
import { structured } from '../structured.ts'
import { TARGET, WISHES } from './flags.ts'

export const deployCheckCommand = plainCommand({
  name: 'deploy',
  sub: 'check',
  describe: 'Whether the cluster can take the pipeline: version, rights, storage, room, quota, images; changes nothing',
  examples: [
    ['stockpipe deploy check', 'what is wrong, and what to do; exit 1 if anything is'],
    ['stockpipe deploy check --roles | kubectl apply -f -', 'the rights that an installer needs, granted by you'],
  ],
  local: {
    ...TARGET,
    ...WISHES,
    ...OUTPUT,
    roles: local(truth, false, 'Print the Role and ClusterRole of an installer; asks no cluster'),
  },
  async run({ values, print }) {
    if (values.roles) {
      const { readWish } = await import('./wish.ts')
      const { installerRoles } = await import('../../deploy/rights.ts')
      const { toYaml } = await import('../../deploy/yaml.ts')
      const wish = await readWish(values)
      await print(toYaml(installerRoles(wish.objects, wish.values.namespace)))
      return 0
    }
    const { openSession } = await import('./session.ts')
    const { examine, findingLine, wishFor } = await import('./examine.ts')
    using session = openSession(values)
    const findings = await examine(session, await wishFor(session, values))
    const format = formatOf(values)
    await print(format === 'text' ? findings.map(findingLine).join('') : structured(format, findings))
    return findings.some(({ state }) => state === 'fail') ? 1 : 0
  },
})
