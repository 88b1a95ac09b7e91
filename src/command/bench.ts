import type { BenchReport } from '../bench/report.ts'
import type { Settings } from '../config.ts'
import type { Problem } from '../config/problems.ts'
import { choices, integer } from '../config/value.ts'
import {
  type ConfiguredCall,
  configuredCommand,
  formatOf,
  local,
  type LocalValues,
  OUTPUT,
  type Wish,
} from './command.ts'

const RATES = ['1000', '5000', '10000'] as const

const LOCAL = {
  seconds: local(integer({ min: 1, max: 3_600 }), 20, 'pipeline: how long each side is measured at each rate'),
  rates: local(choices(RATES), RATES, 'pipeline: trades per second'),
  preload: local(integer({ min: 0, max: 100_000_000 }), 300_000, 'pipeline: trades for the highest rate; 0: skip it'),
  sides: local(choices(['relay', 'stockpipe']), ['relay', 'stockpipe'] as const, 'pipeline: what to measure'),
  ...OUTPUT,
}
type Values = LocalValues<typeof LOCAL>

/** What a bench starts in processes of their own. */
const PARTS = ['relay', 'load']
const isPart = (subject: string | null): boolean => PARTS.includes(subject ?? '')

export const benchCommand = configuredCommand({
  name: 'bench',
  describe: 'Measure this machine, or the pipeline on real servers beside a bare relay',
  examples: [
    ['stockpipe bench engine', 'decode, fold and rows, without a store'],
    ['stockpipe bench store -o json', 'replay to final rows in the embedded store'],
    [
      'stockpipe bench pipeline --kafka-brokers localhost:9092 --cassandra-contact-points localhost',
      'from append to readable row, beside a bare relay',
    ],
  ],
  positional: {
    name: 'subject',
    describe: 'What to measure',
    choices: ['engine', 'pipeline', 'broker', 'store'],
    hidden: PARTS,
    isRequired: true,
  },
  local: LOCAL,
  obstacles,
  async run(call) {
    const { interrupted } = await import('./interrupt.ts')
    using stop = interrupted()
    const result = await measure(call, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
      return null
    })
    if (result === null) return stop.signal.aborted && !isPart(call.positional) ? 1 : 0
    const format = formatOf(call.values)
    if (format === 'text') await call.print(`${result.text.trimEnd()}\n`)
    else if (format === 'json') await call.print(`${JSON.stringify(result.json)}\n`)
    else await call.print(`${Bun.YAML.stringify(result.json, null, 2)}\n`)
    return 0
  },
})

function obstacles({ settings, positional }: Wish<Values>): Problem[] {
  const needsServers = ['pipeline', 'relay'].includes(positional ?? '')
  const problems: Problem[] = []
  if (needsServers && settings.broker !== 'kafka')
    problems.push({ what: `bench ${positional ?? ''} needs Kafka`, why: 'set --kafka-brokers' })
  if (needsServers && settings.store !== 'cassandra')
    problems.push({ what: `bench ${positional ?? ''} needs Cassandra`, why: 'set --cassandra-contact-points' })
  return problems
}

/** Null for a part, which reports by itself. */
async function measure(call: ConfiguredCall<Values>, signal: AbortSignal): Promise<BenchReport | null> {
  const { settings, positional, print, values } = call
  if (positional === 'engine') return (await import('../bench/engine.ts')).benchEngine()
  if (positional === 'store' && settings.store === 'embedded') return (await import('../bench/store.ts')).benchStore()
  const [{ openCassandraRows, openKafkaBroker }, { systemClock: clock }] = await Promise.all([
    import('../bench/servers.ts'),
    import('../clock.ts'),
  ])
  const bench = { settings, clock, signal, note }
  const openStore = (wanted: Settings) => openCassandraRows(wanted, clock)
  switch (positional) {
    case 'relay':
      await (await import('../bench/parts.ts')).relayPart({ ...bench, print })
      return null
    case 'load':
      await (await import('../bench/parts.ts')).loadPart({ ...bench, print })
      return null
    case 'broker': {
      const { benchBroker } = await import('../bench/broker.ts')
      return benchBroker({ ...bench, open: (wanted) => openKafkaBroker(wanted, clock) })
    }
    case 'store':
      return (await import('../bench/rows.ts')).benchCassandra({ ...bench, open: openStore })
    default: {
      const { benchPipeline } = await import('../bench/pipeline.ts')
      return benchPipeline({ ...bench, ...values, rates: values.rates.map(Number), openStore })
    }
  }
}

const note = (text: string): void => void process.stderr.write(`bench: ${text}\n`)
