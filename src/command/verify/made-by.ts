import { Database } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import type { Settings } from '../../config.ts'
import { StockpipeError } from '../../errors.ts'
import { windowWords } from '../../run/row-store.ts'
import { folderOf } from '../export/folder.ts'

/** Throws `config` where the embedded store says that its windows were made by other settings than these. */
export function checkMadeBy(settings: Settings): void {
  if (settings.store !== 'embedded') return
  const path = join(folderOf(settings), 'store.db')
  if (!existsSync(path)) return
  const found = madeBy(path)
  const wanted = windowWords(settings)
  if (found === null || found === wanted) return
  throw new StockpipeError('config', `the windows in ${path} were made by other settings`, {
    why: `they were made by ${found}, and these are ${wanted}`,
    hint: `add ${found}`,
  })
}

function madeBy(path: string): string | null {
  try {
    using database = new Database(path, { readonly: true })
    return database.query<{ settings: string }, []>('SELECT settings FROM made_by').get()?.settings ?? null
  } catch {
    // Whoever opens the store says what is wrong with it.
    return null
  }
}
