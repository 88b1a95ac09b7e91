import type { Database } from 'bun:sqlite'

import type { Appended, Bounds, Commit, Headers, LogRecord, NewRecord } from '../broker.ts'
import { transact } from '../sqlite.ts'
import { partitionOf } from './partitioner.ts'

const OFFSETS = 2 ** 36

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

type RecordRow = [
  id: number,
  ts: number,
  key: string | null,
  value: Uint8Array | null,
  headers: string,
  session: string | null,
  seq: number | null,
  k: number | null,
]

/** The tables of the embedded log, and what is known of them in memory. Memory never runs ahead of the file. */
export class LogFile {
  readonly database: Database
  readonly #topics = new Map<string, Topic>()
  readonly #insert
  readonly #find
  readonly #advance
  readonly #page

  constructor(database: Database) {
    this.database = database
    this.#insert = database.query(
      'INSERT INTO records (id, ts, key, value, headers, topic_id, session, seq, k) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    )
    this.#find = database.query<{ id: number }, [number, string, number, number]>(
      'SELECT id FROM records WHERE topic_id = ? AND session = ? AND seq = ? AND k = ?',
    )
    this.#advance = database.query('UPDATE partitions SET next_offset = ?, last_ts = ?, bytes = ? WHERE slot = ?')
    this.#page = database.query<RecordRow, [number, number, number]>(
      'SELECT id, ts, key, value, headers, session, seq, k FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
    )
    this.reload()
  }

  /** Reads anew what another process may have changed. */
  reload(): void {
    const topics = this.database.query<{ id: number; name: string }, []>('SELECT id, name FROM topics').all()
    const slots = this.database.query<Slot, [number]>(
      'SELECT slot, partition, start_offset AS start, next_offset AS next, last_ts AS lastTs, bytes FROM partitions WHERE topic_id = ? ORDER BY partition',
    )
    for (const { id, name } of topics) this.#topics.set(name, { id, name, slots: slots.all(id) })
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
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

  /** Inside a transaction. What it answers for `slots` must be applied with `apply` once that is committed. */
  append(
    topic: Topic,
    records: readonly NewRecord[],
    { now, changed }: { now: number; changed: Map<Slot, Slot> },
  ): Appended[] {
    return records.map((record) => {
      const partition = record.partition ?? partitionOf(record.key ?? '', topic.slots.length)
      const slot = topic.slots[partition]
      if (slot === undefined) throw new RangeError(`topic ${topic.name} has no partition ${partition}`)
      const state = changed.get(slot) ?? { ...slot }
      changed.set(slot, state)
      return this.#appendOne(topic, record, { state, now })
    })
  }

  /** Writes the new ends of the partitions; still inside the transaction. */
  save(changed: ReadonlyMap<Slot, Slot>): void {
    for (const state of changed.values()) this.#advance.run(state.next, state.lastTs, state.bytes, state.slot)
  }

  apply(changed: ReadonlyMap<Slot, Slot>): void {
    for (const [slot, state] of changed) Object.assign(slot, state)
  }

  page(slot: Slot, offset: number, limit: number): LogRecord[] {
    const base = slot.slot * OFFSETS
    return this.#page.values(base + offset, base + OFFSETS, limit).map((row) => toRecord(row as RecordRow, base))
  }

  bounds(slot: Slot): Bounds {
    return { start: slot.start, end: slot.next }
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

  /** Removes up to `limit` records from the head of a partition, those before `offset`. Its own transaction. */
  removeHead(slot: Slot, offset: number, limit: number): number {
    const base = slot.slot * OFFSETS
    const end = Math.min(offset, slot.start + limit)
    if (end <= slot.start) return 0
    const sizes = this.database.query<{ bytes: number | null }, [number, number]>(
      `SELECT sum(${SIZE}) AS bytes FROM records WHERE id >= ? AND id < ?`,
    )
    const state = { ...slot, start: end }
    transact(this.database, () => {
      state.bytes = Math.max(0, slot.bytes - (sizes.get(base, base + end)?.bytes ?? 0))
      this.database.run('DELETE FROM records WHERE id >= ? AND id < ?', [base, base + end])
      this.database.run('UPDATE partitions SET start_offset = ?, bytes = ? WHERE slot = ?', [
        state.start,
        state.bytes,
        slot.slot,
      ])
    })
    const removed = end - slot.start
    Object.assign(slot, state)
    return removed
  }

  /** The first offset whose record was appended at `ts` or later; the end when there is none. */
  offsetAt(slot: Slot, ts: number): number {
    let low = slot.start
    let high = slot.next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const record = this.page(slot, middle, 1)[0]
      if (record !== undefined && record.timestamp < ts) low = middle + 1
      else high = middle
    }
    return low
  }

  #appendOne(topic: Topic, record: NewRecord, { state, now }: { state: Slot; now: number }): Appended {
    const { session, seq, k, rest } = identified(record.headers)
    const offset = state.next
    const ts = Math.max(now, state.lastTs)
    const headers = JSON.stringify(rest)
    const { changes } = this.#insert.run(
      state.slot * OFFSETS + offset,
      ts,
      record.key,
      record.value,
      headers,
      topic.id,
      session,
      seq,
      k,
    )
    if (changes === 0) {
      const found = this.#find.get(topic.id, session ?? '', seq ?? 0, k ?? 0)
      return { partition: state.partition, offset: (found?.id ?? 0) % OFFSETS, duplicate: true }
    }
    state.next = offset + 1
    state.lastTs = ts
    state.bytes += (record.value?.length ?? 0) + (record.key?.length ?? 0) + headers.length
    return { partition: state.partition, offset, duplicate: false }
  }
}

const SIZE = 'coalesce(length(value), 0) + coalesce(length(key), 0) + length(headers)'

/** The name of a record, where it has one, is kept in columns of its own. */
function identified(headers: Headers): { session: string | null; seq: number | null; k: number | null; rest: Headers } {
  const { session, seq, k, ...rest } = headers
  if (session === undefined || !isCount(seq) || !isCount(k)) return { session: null, seq: null, k: null, rest: headers }
  return { session, seq: Number(seq), k: Number(k), rest }
}

const isCount = (text: string | undefined): boolean =>
  text !== undefined && /^\d{1,15}$/.test(text) && String(Number(text)) === text

function toRecord([id, timestamp, key, value, text, session, seq, k]: RecordRow, base: number): LogRecord {
  const headers = JSON.parse(text) as Record<string, string>
  if (session !== null) {
    headers['session'] = session
    headers['seq'] = String(seq)
    headers['k'] = String(k)
  }
  return { offset: id - base, timestamp, key, value, headers }
}
