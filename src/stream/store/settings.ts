import { existsSync, renameSync } from 'node:fs'

import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Log } from '../../telemetry.ts'
import { openDatabase } from '../sqlite.ts'
import { MIGRATIONS } from './embedded.ts'

export interface StoreSettings {
  path: string
  clock: Clock
  log: Log
  /** What decides which windows there are and what is in them, as a person would set it. */
  settings: string
  /** Whether the log still holds everything, so that the store can be made anew from it. */
  isLogWhole: boolean
}

/**
 * Before the store is opened: rows made by other settings must not lie among new ones, where nobody could tell
 * which is which. Such a store is put aside, and a new one is filled from the log. Throws `data-dir` when the log has lost its start.
 */
export function settleStore({ path, clock, log, settings, isLogWhole }: StoreSettings): void {
  const found = settingsIn(path, settings, clock)
  if (found === settings) return
  if (!isLogWhole)
    throw new StockpipeError('data-dir', `the rows in ${path} were made by other settings`, {
      why: `they were made by ${found}; the log no longer holds all the trades that they came from`,
      hint: `run with ${found}, or name another --data-dir`,
    })
  const aside = `${path}.before-${clock.now()}`
  log.warn('store.made_anew', { why: `its rows were made by ${found}`, now: settings, kept_as: aside })
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  settingsIn(path, settings, clock)
}

/** What the store was made by; one that does not say so yet is given `settings`. */
function settingsIn(path: string, settings: string, clock: Clock): string {
  const database = openDatabase({ path, migrations: MIGRATIONS, clock })
  try {
    const row = database.query<{ settings: string }, []>('SELECT settings FROM made_by').get()
    if (row !== null) return row.settings
    database.run('INSERT INTO made_by VALUES (?)', [settings])
    return settings
  } finally {
    database.close()
  }
}
