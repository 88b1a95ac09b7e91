import { configuredCommand, formatOf, OUTPUT } from './command.ts'
import { structured } from './structured.ts'
import type { Finding } from '../finding.ts'

export const doctorCommand = configuredCommand({
  name: 'doctor',
  describe: 'Clock, disk, port, names, proxy, token, Kafka, Cassandra: what is wrong and what to do',
  examples: [['stockpipe doctor --data-dir /var/lib/stockpipe', 'before the first start there']],
  local: OUTPUT,
  async run({ settings, values, print, secrets }) {
    const { examine } = await import('./doctor/examine.ts')
    const findings = await examine(settings, process.env)
    const format = formatOf(values)
    if (format === 'text') await print(secrets.hide(findings.map(line).join('')))
    else await print(structured(format, secrets.hideIn(findings)))
    return findings.some(({ state }) => state === 'fail') ? 1 : 0
  },
})

const line = ({ check, state, detail, fix }: Finding): string =>
  `${state.padEnd(4)}  ${check.padEnd(9)}  ${detail}\n${fix === undefined ? '' : `                 try: ${fix}\n`}`
