import { fromParent } from './child.ts'
import { type LoadPlan, runLoad } from './load.ts'
import { runRelay } from './relay.ts'
import { openCassandra, openKafka } from './servers.ts'
import type { Clock } from '../clock.ts'
import type { Settings } from '../config.ts'

/** What the processes do that a bench starts: they end when it closes their stdin, dies, or `signal` aborts. */
export interface PartOptions {
  settings: Settings
  clock: Clock
  signal: AbortSignal
  print: (text: string) => Promise<void>
}

/** The relay, between topic, group and keyspace of the settings. */
export async function relayPart({ settings, signal }: PartOptions): Promise<void> {
  const { partitions, kafkaTopic: topic, kafkaGroup: group, cassandraKeyspace: keyspace } = settings
  const parent = fromParent()
  const client = await openCassandra(settings)
  try {
    const left = new AbortController()
    void parent.then((told) => told.signal.addEventListener('abort', () => left.abort()))
    const options = { kafka: openKafka(settings), client, topic, group, keyspace, partitions }
    await runRelay(options, AbortSignal.any([signal, left.signal]))
  } finally {
    await client.shutdown()
  }
}

/** The load of the plan that the first line of stdin holds; prints its report. */
export async function loadPart({ settings, clock, signal, print }: PartOptions): Promise<void> {
  const parent = await fromParent()
  const plan = JSON.parse(parent.line) as LoadPlan
  const stop = AbortSignal.any([signal, parent.signal])
  const report = await runLoad(openKafka(settings), plan, { clock, signal: stop })
  await print(`${JSON.stringify(report)}\n`)
}
