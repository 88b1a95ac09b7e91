import { path } from '../../config/value.ts'
import type { Probe } from '../../deploy/probe/junit.ts'
import { local, plainCommand } from '../command.ts'
import { TARGET, TIMEOUT } from './flags.ts'

export const deployTestCommand = plainCommand({
  name: 'deploy',
  sub: 'test',
  describe: 'Trades on the whole way: log, windows, Cassandra, API, and every question of the Grafana dashboards',
  examples: [
    ['stockpipe deploy test', 'each stage with its time; exit 1 if one fails'],
    ['stockpipe deploy test --junit report.xml', 'the same, for continuous integration'],
  ],
  local: { ...TARGET, ...TIMEOUT, junit: local(path, null, 'File for a JUnit report') },
  async run({ values, print, secrets }) {
    const { openSession } = await import('./session.ts')
    const { testPipeline } = await import('../../deploy/probe/pipeline.ts')
    const { probeLine } = await import('./probe-line.ts')
    const { toJunit } = await import('../../deploy/probe/junit.ts')
    using session = openSession(values, secrets)
    const show = (probe: Probe) => void print(probeLine(probe))
    const probes = await testPipeline({
      ...session,
      timeoutMs: values.timeout,
      sendsTrades: true,
      show,
      tell: (line) => void print(`      ${line}\n`),
    })
    if (values.junit !== null) await Bun.write(values.junit, toJunit('stockpipe deploy test', probes))
    const failed = probes.filter(({ ok }) => !ok).length
    await print(failed === 0 ? `all ${probes.length} passed\n` : `${failed} of ${probes.length} failed\n`)
    return failed === 0 ? 0 : 1
  },
})
