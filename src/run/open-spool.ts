import { join } from 'node:path'

import type { Settings } from '../config.ts'
import type { DataDir } from '../data-dir.ts'
import { StockpipeError } from '../errors.ts'
import type { Spool } from '../ingest/spool.ts'
import type { Context, Log } from '../telemetry.ts'

/** A live feed cannot wait for Kafka. A recording can, a simulator sends again, and the embedded log is a disk itself. */
export const wantsSpool = (settings: Settings): boolean =>
  settings.role.includes('producer') &&
  settings.broker === 'kafka' &&
  settings.feed === 'finnhub' &&
  settings.spoolSize > 0

/** Null, and said why, where the disk does not let us: then a live feed is kept in memory as long as that suffices. */
export async function openSpool(
  settings: Settings,
  { context, folder }: { context: Context; folder: DataDir | null },
): Promise<Spool | null> {
  if (!wantsSpool(settings) || folder === null) return null
  const { Spool } = await import('../ingest/spool.ts')
  const { clock, log } = context
  try {
    // A file for each topic: what waits for another one stays until that is asked for again.
    return new Spool({
      path: join(folder.path, `spool-${settings.kafkaTopic}.db`),
      limit: settings.spoolSize,
      clock,
      log,
    })
  } catch (error) {
    noSpool(error, log)
    return null
  }
}

export function noSpool(error: unknown, log: Log): void {
  const { message, why, hint } =
    error instanceof StockpipeError ? error : { message: String(error), why: undefined, hint: undefined }
  log.error('spool.unavailable', {
    error: message,
    why,
    try: hint ?? 'name a folder that can be written by --data-dir, or say --spool-size 0',
    note: 'goes on without: while Kafka is away only memory keeps trades, what does not fit is lost, and is a gap',
  })
}
