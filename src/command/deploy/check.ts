import { truth } from '../../config/value.ts'
import { formatOf, local, OUTPUT, plainCommand } from '../command.ts'
import { structured } from '../structured.ts'
import { GIVEN, TARGET, WISHES } from './flags.ts'
import { wantedOf } from './wanted.ts'

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
    ...GIVEN,
    ...OUTPUT,
    roles: local(truth, false, 'Print the Role and ClusterRole of an installer; asks no cluster'),
  },
  async run({ values, print, secrets }) {
    if (values.roles) {
      const { renderWanted } = await import('../../deploy/rendered.ts')
      const { installerRoles } = await import('../../deploy/rights.ts')
      const { printedObjects } = await import('../../deploy/yaml.ts')
      const { objects, namespace } = renderWanted(wantedOf(values, process.env))
      await print(printedObjects(installerRoles(objects, namespace), formatOf(values) === 'json' ? 'json' : 'yaml'))
      return 0
    }
    const { openSession } = await import('./session.ts')
    const { examine, findingLine } = await import('./examine.ts')
    using session = openSession(values, secrets)
    const findings = await examine(session, wantedOf(values, process.env))
    const format = formatOf(values)
    await print(format === 'text' ? findings.map(findingLine).join('') : structured(format, findings))
    return findings.some(({ state }) => state === 'fail') ? 1 : 0
  },
})
