import { Database } from 'bun:sqlite'

import { StockpipeError } from '../../errors.ts'
import { copyDatabase, openToRead, toStockpipeError, transact } from '../sqlite.ts'

/** What the groups of a log file have committed, and where the partitions of it began then. */
export type CommitRows = readonly {
  group_name: string
  slot: number
  log_offset: number
  metadata: string
  start_offset: number
}[]

export function commitRows(path: string): CommitRows {
  using database = openToRead(path)
  try {
    return database
      .query<CommitRows[number], []>(
        'SELECT group_name, slot, log_offset, metadata, start_offset FROM commits JOIN partitions USING (slot)',
      )
      .all()
  } catch (error) {
    throw toStockpipeError(error, path)
  }
}

/**
 * Copies a log file, beside the process that appends to it, with commits that were read before. A commit says that rows are in
 * the store, and rows say that records are in the log: so a copy that fits together has the commits of the earliest moment and the
 * records of the latest, with the store's copy made in between. It is what a crash leaves, and recovery goes on from it.
 *
 * Throws `log-changed` where retention meanwhile removed records that `group` would go on from.
 */
export function copyLog(
  path: string,
  target: string,
  { commits, group }: { commits: CommitRows; group: string },
): void {
  copyDatabase(path, target)
  using copy = new Database(target)
  refuseOvertaken(
    copy,
    commits.filter(({ group_name }) => group_name === group),
  )
  copy.run('PRAGMA synchronous = FULL')
  transact(copy, () => {
    copy.run('DELETE FROM commits')
    const insert = copy.query('INSERT INTO commits (group_name, slot, log_offset, metadata) VALUES (?, ?, ?, ?)')
    for (const { group_name, slot, log_offset, metadata } of commits) insert.run(group_name, slot, log_offset, metadata)
  })
}

/**
 * A partition whose beginning did not move is as its owner would find it after a restart, also where that lies behind the commit:
 * after a silence longer than the log is kept.
 */
function refuseOvertaken(copy: Database, commits: CommitRows): void {
  const begin = copy.query<{ start_offset: number }, [number]>('SELECT start_offset FROM partitions WHERE slot = ?')
  const startOf = (slot: number) => begin.get(slot)?.start_offset ?? 0
  const overtaken = commits.find(
    ({ slot, log_offset, start_offset }) => startOf(slot) > Math.max(log_offset, start_offset),
  )
  if (overtaken === undefined) return
  const { log_offset, slot } = overtaken
  throw new StockpipeError('log-changed', 'retention removed records from the log while it was copied', {
    why: `the copy would go on from offset ${log_offset} of a partition, and its log begins at ${startOf(slot)}: trades between would be lost`,
    hint: 'take it again, with more --retention-log-size or --retention-log for the pipeline, or stop the pipeline while it is copied',
  })
}
