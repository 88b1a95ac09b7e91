import { systemClock } from '../../clock.ts'
import type { Settings } from '../../config.ts'
import { ownerOf } from '../../data-dir.ts'
import { ApiReader } from '../../verify/api.ts'
import type { Report } from '../../verify/report.ts'
import { verify } from '../../verify/verify.ts'
import { openLog } from '../export/open-log.ts'
import { openStore } from '../export/open-store.ts'
import { interrupted } from '../interrupt.ts'
import { progressLine } from '../progress.ts'
import { checkMadeBy } from './made-by.ts'

interface Values {
  symbol: readonly string[] | null
  from: number | null
  to: number | null
  api: string | null
  wait: number
  limit: number
}

/** Null: it was interrupted. */
export async function runVerify(settings: Settings, values: Values): Promise<Report | null> {
  checkMadeBy(settings)
  await using store = await openStore(settings)
  await using broker = await openLog(settings)
  using stop = interrupted()
  using line = progressLine(systemClock)
  // Nobody else can write the embedded store, so there is nothing to wait for when its folder has no owner.
  const isStopped = settings.broker === 'embedded' && ownerOf(settings.dataDir) === null
  const { window, hop, delay, futureLimit } = settings
  const report = await verify({
    broker,
    store,
    topic: settings.kafkaTopic,
    rules: { window, hop, delay, futureLimit },
    retention: { tradesMs: settings.retentionTrades, candlesMs: settings.retentionCandles },
    range: { from: values.from ?? Number.NEGATIVE_INFINITY, to: values.to ?? Number.POSITIVE_INFINITY },
    symbols: values.symbol,
    api: values.api === null ? null : new ApiReader(values.api, settings.apiToken),
    wait: isStopped ? 0 : values.wait,
    committed: () => broker.commits(settings.kafkaTopic, settings.kafkaGroup),
    limit: values.limit,
    clock: systemClock,
    signal: stop.signal,
    progress: line.show,
  })
  return stop.signal.aborted ? null : report
}
