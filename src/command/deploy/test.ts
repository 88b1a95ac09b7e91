import { path } from '../../config/value.ts'
import type { Probe } from '../../deploy/probe/junit.ts'
import { formatOf, local, OUTPUT, plainCommand } from '../command.ts'
import { onTheWay, structured } from '../structured.ts'
import { TARGET, TIMEOUT } from './flags.ts'

export const deployTestCommand = plainCommand({
  name: 'deploy',
  sub: 'test',
  describe: 'Trades on the whole way: log, windows, Cassandra, API, and every question of the Grafana dashboards',
  examples: [
    ['stockpipe deploy test', 'each stage with its time; exit 1 if one fails'],
    ['stockpipe deploy test --junit report.xml', 'the same, for continuous integration'],
  ],
  local: { ...TARGET, ...TIMEOUT, ...OUTPUT, junit: local(path, null, 'File for a JUnit report') },
  async run({ values, print, secrets }) {
    const { openSession } = await import('./session.ts')
    const { testPipeline } = await import('../../deploy/probe/pipeline.ts')
    const { probeLine } = await import('./probe-line.ts')
    const { toJunit } = await import('../../deploy/probe/junit.ts')
    using session = openSession(values, secrets)
    const format = formatOf(values)
    const tell = onTheWay(format, { print, secrets })
    const show = (probe: Probe) => void tell(probeLine(probe))
    const probes = await testPipeline({
      ...session,
      timeoutMs: values.timeout,
      sendsTrades: true,
      show,
      tell: (line) => void tell(`      ${line}\n`),
    })
    if (values.junit !== null) await Bun.write(values.junit, toJunit('stockpipe deploy test', probes))
    const failed = probes.filter(({ ok }) => !ok).length
    await tell(failed === 0 ? `all ${probes.length} passed\n` : `${failed} of ${probes.length} failed\n`)
    if (format !== 'text') await print(structured(format, probes))
    return failed === 0 ? 0 : 1
  },
})
