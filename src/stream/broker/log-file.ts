import type { Database } from 'bun:sqlite'

import type { Appended, Commit, LogRecord, NewRecord } from '../broker.ts'
import { StockpipeError } from '../../errors.ts'
import { transact } from '../sqlite.ts'
import { partitionOf } from './partitioner.ts'
import { identify, type RecordRow, SIZE_SQL, sizeOf, toRecord } from './record-row.ts'

const OFFSETS = 2 ** 36
const PAGE_RECORDS = 1_000
const PAGE_BYTES = 2_000_000

/** One partition as the file has it. */
export interface Slot {
  slot: number
  partition: number
  start: number
  next: number
  lastTs: number
  bytes: number
}

export interface Topic {
  id: number
  name: string
  slots: readonly Slot[]
}

const SLOTS = `SELECT slot, partition, start_offset AS start, next_offset AS next, last_ts AS lastTs, bytes FROM partitions`

/**
 * The tables of the embedded log, and what is known of them in memory. Memory never runs ahead of the file: a slot
 * changes only when the transaction that changes it is committed, and is one object for as long as the file is open.
 */
export class LogFile {
  readonly database: Database
  readonly #topics = new Map<string, Topic>()
  readonly #insert
  readonly #find
  readonly #save
  readonly #page
  readonly #timestamp
  readonly #slot

  constructor(database: Database) {
    this.database = database
    this.#insert = database.query(
      'INSERT INTO records (id, ts, key, value, headers, topic_id, session, seq, k) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    )
    this.#find = database.query<{ id: number }, [number, string | null, number | null, number | null]>(
      'SELECT id FROM records WHERE topic_id = ? AND session = ? AND seq = ? AND k = ?',
    )
    this.#save = database.query(
      'UPDATE partitions SET start_offset = ?, next_offset = ?, last_ts = ?, bytes = ? WHERE slot = ?',
    )
    this.#page = database.query<RecordRow, [number, number]>(
      'SELECT id, ts, key, value, headers, session, seq, k FROM records WHERE id >= ? AND id < ? ORDER BY id',
    )
    this.#timestamp = database.query<{ ts: number }, [number]>('SELECT ts FROM records WHERE id = ?')
    this.#slot = database.query<Slot, [number]>(`${SLOTS} WHERE slot = ?`)
    this.reload()
  }

  /** Reads anew what another process may have changed. */
  reload(): void {
    const topics = this.database.query<{ id: number; name: string }, []>('SELECT id, name FROM topics').all()
    const slotsOf = this.database.query<Slot, [number]>(`${SLOTS} WHERE topic_id = ? ORDER BY partition`)
    for (const { id, name } of topics) {
      const known = this.#topics.get(name)
      if (known === undefined) this.#topics.set(name, { id, name, slots: slotsOf.all(id) })
      else for (const slot of known.slots) this.refresh(slot)
    }
  }

  refresh(slot: Slot): void {
    Object.assign(slot, this.#slot.get(slot.slot))
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  get topicNames(): readonly string[] {
    return [...this.#topics.keys()]
  }

  createTopic(name: string, partitions: number): void {
    transact(this.database, () => {
      const { lastInsertRowid: id } = this.database.run('INSERT INTO topics (name, partitions) VALUES (?, ?)', [
        name,
        partitions,
      ])
      for (let partition = 0; partition < partitions; partition++)
        this.database.run('INSERT INTO partitions (topic_id, partition) VALUES (?, ?)', [Number(id), partition])
    })
    this.reload()
  }

  /** Runs `work` in one durable transaction. It changes slots only through the `Changes` it is given. */
  change<Result>(work: (changes: Changes) => Result): Result {
    const changes = new Changes()
    const result = transact(this.database, () => {
      const result = work(changes)
      for (const { start, next, lastTs, bytes, slot } of changes.states())
        this.#save.run(start, next, lastTs, bytes, slot)
      return result
    })
    changes.apply()
    return result
  }

  append(topic: Topic, records: readonly NewRecord[], { now, changes }: { now: number; changes: Changes }): Appended[] {
    return records.map((record) => {
      const slot = topic.slots[record.partition ?? partitionOf(record.key ?? '', topic.slots.length)]
      if (slot === undefined) throw new StockpipeError('internal', `${topic.name} has no partition ${record.partition}`)
      return this.#appendOne(topic, record, { state: changes.of(slot), now })
    })
  }

  /** One page from `offset` on: at most `most` records, and no more once there are 2 MB. */
  page(slot: Slot, offset: number, most = PAGE_RECORDS): LogRecord[] {
    const from = Math.max(offset, slot.start)
    const base = slot.slot * OFFSETS
    const records: LogRecord[] = []
    if (from >= slot.next) return records
    let bytes = 0
    for (const row of this.#page.iterate(base + from, base + Math.min(from + most, slot.next))) {
      records.push(toRecord(row, base))
      bytes += (row.value?.length ?? 0) + row.headers.length
      if (bytes >= PAGE_BYTES) break
    }
    return records
  }

  committed(group: string, slot: Slot): Commit | null {
    return this.database
      .query<Commit, [string, number]>(
        'SELECT log_offset AS offset, metadata FROM commits WHERE group_name = ? AND slot = ?',
      )
      .get(group, slot.slot)
  }

  commit(group: string, slot: Slot, { offset, metadata }: Commit): void {
    this.database.query('INSERT OR REPLACE INTO commits VALUES (?, ?, ?, ?)').run(group, slot.slot, offset, metadata)
  }

  /** Removes up to `limit` records from the head of a partition, those before `offset`; answers how many. */
  removeHead(slot: Slot, offset: number, { limit, changes }: { limit: number; changes: Changes }): number {
    const state = changes.of(slot)
    const end = Math.min(offset, state.next, state.start + limit)
    const removed = end - state.start
    if (removed <= 0) return 0
    const base = slot.slot * OFFSETS
    const { bytes } = this.database
      .query<{ bytes: number }, [number, number]>(
        `SELECT coalesce(sum(${SIZE_SQL}), 0) AS bytes FROM records WHERE id >= ? AND id < ?`,
      )
      .get(base + state.start, base + end) ?? { bytes: 0 }
    this.database.query('DELETE FROM records WHERE id >= ? AND id < ?').run(base + state.start, base + end)
    state.bytes = end === state.next ? 0 : Math.max(0, state.bytes - bytes)
    state.start = end
    return removed
  }

  /** When the record at `offset` was appended; undefined when there is none. */
  timestampAt(slot: Slot, offset: number): number | undefined {
    return this.#timestamp.get(slot.slot * OFFSETS + offset)?.ts
  }

  #appendOne(topic: Topic, record: NewRecord, { state, now }: { state: Slot; now: number }): Appended {
    const { session, seq, k, rest } = identify(record.headers)
    const offset = state.next
    const id = state.slot * OFFSETS + offset
    const ts = Math.max(now, state.lastTs)
    const headers = JSON.stringify(rest)
    const { changes } = this.#insert.run(id, ts, record.key, record.value, headers, topic.id, session, seq, k)
    if (changes === 0) return this.#duplicate(topic, this.#find.get(topic.id, session, seq, k))
    state.next = offset + 1
    state.lastTs = ts
    state.bytes += sizeOf(record, headers)
    return { partition: state.partition, offset, duplicate: false }
  }

  #duplicate(topic: Topic, found: { id: number } | null): Appended {
    const slot = topic.slots.find(({ slot }) => found !== null && slot === Math.floor(found.id / OFFSETS))
    if (found === null || slot === undefined)
      throw new StockpipeError('corrupt', `the log holds a record of ${topic.name} beyond the end it knows`, {
        hint: 'restore a copy, or move the folder away and start anew',
      })
    return { partition: slot.partition, offset: found.id % OFFSETS, duplicate: true }
  }
}

/** New states of slots inside a transaction, kept apart until it is committed. */
export class Changes {
  readonly #states = new Map<Slot, Slot>()

  of(slot: Slot): Slot {
    let state = this.#states.get(slot)
    if (state === undefined) this.#states.set(slot, (state = { ...slot }))
    return state
  }

  states(): Iterable<Slot> {
    return this.#states.values()
  }

  apply(): void {
    for (const [slot, state] of this.#states) Object.assign(slot, state)
  }
}
