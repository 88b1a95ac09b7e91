import { existsSync } from 'node:fs'
import { join } from 'node:path'

import type { Settings } from '../config.ts'
import type { Broker, Commit } from '../stream/broker.ts'
import type { Stamp } from '../stream/stamp.ts'
import type { Context, Log } from '../telemetry.ts'

export interface OpenedLog {
  broker: Broker
  /** Null where the data folder carries it. */
  stamp: Stamp | null
  /** What the group of the processors committed, by partition. Null where they can only be in this process. */
  commits: (() => Promise<readonly (Commit | null)[]>) | null
}

const brokers = { embedded, kafka } satisfies Record<Settings['broker'], Opener>
type Opener = (settings: Settings, around: { context: Context; folder: string }) => Promise<OpenedLog>

/** Kafka is not waited for: whoever uses the log waits. Only what is used is loaded: a role needs no memory for the rest. */
export const openLog: Opener = (settings, around) => brokers[settings.broker](settings, around)

async function embedded(_settings: Settings, { context, folder }: { context: Context; folder: string }) {
  const { clock, log } = context
  const [{ ReplayState }, { openEmbeddedBroker }] = await Promise.all([
    import('../ingest/feed/replay-state.ts'),
    import('../stream/broker/embedded.ts'),
  ])
  noticeLostLog(folder, log, () => ReplayState.forget(folder))
  return { broker: await openEmbeddedBroker({ path: join(folder, 'log.db'), clock, log }), stamp: null, commits: null }
}

async function kafka(settings: Settings, { context }: { context: Context }) {
  const [{ kafkaOptions }, { KafkaBroker }] = await Promise.all([
    import('../servers.ts'),
    import('../stream/broker/kafka.ts'),
  ])
  const onRebalance = () => context.metrics.rebalances.inc()
  const broker = new KafkaBroker({ ...kafkaOptions(settings, context), onRebalance })
  const { kafkaTopic: topic, kafkaGroup: group } = settings
  return { broker, stamp: broker.stamp(topic), commits: () => broker.commits(topic, group) }
}

/** Someone removed the log: no recording is in it any more. Its store keeps what it has, and offsets begin anew. */
function noticeLostLog(folder: string, log: Log, forgetReplays: () => void): void {
  if (existsSync(join(folder, 'log.db'))) return
  forgetReplays()
  if (!existsSync(join(folder, 'store.db'))) return
  log.warn('log.made_anew', { why: `log.db is gone from ${folder}`, note: 'rows already stored stay as they are' })
}
