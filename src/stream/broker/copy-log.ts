import { Database } from 'bun:sqlite'

import { copyDatabase, openToRead, toStockpipeError, transact } from '../sqlite.ts'

/** What the groups of a log file have committed. */
export type CommitRows = readonly { group_name: string; slot: number; log_offset: number; metadata: string }[]

export function commitRows(path: string): CommitRows {
  using database = openToRead(path)
  try {
    return database.query<CommitRows[number], []>('SELECT group_name, slot, log_offset, metadata FROM commits').all()
  } catch (error) {
    throw toStockpipeError(error, path)
  }
}

/**
 * Copies a log file, beside the process that appends to it, with commits that were read before. A commit says that rows are in
 * the store, and rows say that records are in the log: so a copy that fits together has the commits of the earliest moment and the
 * records of the latest, with the store's copy made in between. It is what a crash leaves, and recovery goes on from it.
 */
export function copyLog(path: string, target: string, commits: CommitRows): void {
  copyDatabase(path, target)
  using copy = new Database(target)
  copy.run('PRAGMA synchronous = FULL')
  transact(copy, () => {
    copy.run('DELETE FROM commits')
    const insert = copy.query('INSERT INTO commits (group_name, slot, log_offset, metadata) VALUES (?, ?, ?, ?)')
    for (const { group_name, slot, log_offset, metadata } of commits) insert.run(group_name, slot, log_offset, metadata)
  })
}
