import { Judge } from './judge.ts'
import type { Work } from './options.ts'
import type { Part } from './parts.ts'
import type { Patience } from './patience.ts'
import { recordsOf } from './read-log.ts'

/** Of so many records at the end of a partition the last trade is looked for. */
const TAIL = 200

interface Place {
  symbol: string
  t: number
  offset: number
  index: number
}

/** Waits until the store has the last trade of every partition. Says so where it has not, after all patience. */
export async function awaitCaughtUp(work: Work, parts: readonly Part[], patience: Patience): Promise<void> {
  for (const part of parts) {
    const last = await lastTrade(work, part)
    if (last === null) continue
    work.progress({ records: 0, doing: `waiting for partition ${part.partition}` })
    while (!(await isStored(work, part, last)))
      if (!(await patience.again())) {
        work.findings.notes.push(
          `partition ${part.partition}: its last trade, at offset ${last.offset}, is not stored; either the processor is behind or the trade is missing`,
        )
        break
      }
  }
}

async function lastTrade(work: Work, part: Part): Promise<Place | null> {
  const rules = { ...work.rules, ignoreMarks: false, includeLate: false }
  const judge = new Judge(rules, { isTruncated: true })
  const start = Math.max(part.start, part.end - TAIL)
  let last: Place | null = null
  for await (const records of recordsOf({ ...work, ...part, start }))
    for (const record of records)
      for (const { entry, index, what } of judge.judge(record).entries)
        if (what === 'trade') last = { symbol: entry.s, t: entry.t, offset: record.offset, index }
  return last
}

async function isStored({ store }: Work, { partition }: Part, { symbol, t, offset, index }: Place): Promise<boolean> {
  for await (const rows of store.read('trades', { symbols: [symbol], from: t, to: t + 1 }))
    for (const row of rows)
      if (row.log_partition === partition && row.log_offset === offset && row.log_index === index) return true
  return false
}
