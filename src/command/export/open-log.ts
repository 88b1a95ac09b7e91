import { join } from 'node:path'

import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { kafkaOptions } from '../../servers.ts'
import type { Broker } from '../../stream/broker.ts'
import { openEmbeddedBroker } from '../../stream/broker/embedded.ts'
import { KafkaBroker } from '../../stream/broker/kafka.ts'
import { Health, silentLog } from '../../telemetry.ts'
import { folderOf } from './open-store.ts'

const around = { clock: systemClock, log: silentLog, health: new Health() }

export interface OpenedLog extends AsyncDisposable {
  broker: Broker
  /** By partition: the first offset that no commit covers. Only the embedded log tells. */
  processed: (() => Promise<readonly number[]>) | null
}

/** The log, to read, beside a pipeline that may be running. */
export async function openLog(settings: Settings): Promise<OpenedLog> {
  if (settings.broker === 'kafka') {
    const broker = new KafkaBroker(kafkaOptions(settings, around))
    return { broker, processed: null, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() }
  }
  const path = join(folderOf(settings), 'log.db')
  const broker = await openEmbeddedBroker({ path, ...around, readonly: true })
  return {
    broker,
    processed: async () => broker.commits(settings.kafkaTopic, settings.kafkaGroup).map(processedBy),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  }
}

function processedBy(commit: { metadata: string } | null): number {
  if (commit === null) return 0
  try {
    const { processed } = JSON.parse(commit.metadata) as { processed?: unknown }
    return typeof processed === 'number' ? processed + 1 : 0
  } catch {
    return 0
  }
}
