import { join } from 'node:path'

import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { kafkaOptions } from '../../servers.ts'
import type { Broker } from '../../stream/broker.ts'
import { openEmbeddedBroker } from '../../stream/broker/embedded.ts'
import { KafkaBroker } from '../../stream/broker/kafka.ts'
import { Health, silentLog } from '../../telemetry.ts'
import { folderOf, inOwnFolder } from './folder.ts'

const around = { clock: systemClock, log: silentLog, health: new Health() }

/** A log that can be asked what a group committed. */
export type OpenedLog = Broker & Pick<KafkaBroker, 'commits'>

/** The log, to read, beside a pipeline that may be running. */
export async function openLog(settings: Settings): Promise<OpenedLog> {
  if (settings.broker === 'kafka') return new KafkaBroker(kafkaOptions(settings, around))
  return openEmbeddedBroker({ path: join(folderOf(settings), 'log.db'), ...around, readonly: true })
}

/** The same, to append to it too. Throws `in-use` for the embedded log of a pipeline that runs. */
export async function openLogToWrite(settings: Settings): Promise<OpenedLog & AsyncDisposable> {
  if (settings.broker === 'kafka') return openLog(settings)
  return inOwnFolder(settings, (folder) => openEmbeddedBroker({ path: join(folder, 'log.db'), ...around }))
}
