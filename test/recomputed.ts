import { join } from 'node:path'

import { exported, type Row } from './binary.ts'
import { oracle, type OracleRecord, type OracleWindow } from './oracle.ts'
import { systemClock } from '../src/clock.ts'
import { openEmbeddedBroker } from '../src/stream/broker/embedded.ts'
import { decodeRecord } from '../src/stream/codec.ts'
import { silentLog } from '../src/telemetry.ts'

const TOPIC = 'market'

/** Every record of the log of one origin, by partition. */
export async function logOf(folder: string, origin: string): Promise<OracleRecord[][]> {
  const path = join(folder, origin, 'log.db')
  await using broker = await openEmbeddedBroker({ path, clock: systemClock, log: silentLog, readonly: true })
  const partitions: OracleRecord[][] = []
  for (const [partition, { start, end }] of (await broker.bounds(TOPIC)).entries()) {
    const records: OracleRecord[] = []
    partitions.push(records)
    if (start === end) continue
    for await (const batch of broker.read(TOPIC, partition, start, new AbortController().signal)) {
      for (const record of batch.records) {
        const { received, skew, repeats, entries } = decodeRecord(record)
        const { offset, timestamp } = record
        records.push({ offset, timestamp, received, skew, repeats: repeats ?? [], entries })
      }
      if ((batch.records.at(-1)?.offset ?? end) + 1 >= end) break
    }
  }
  return partitions
}

/**
 * Where the store of a stopped pipeline differs from what its log says, as sentences; and how many rows were compared.
 * `unread`: records at the end of the log that the processor had not come to when it was told to stop.
 */
export async function differencesFromLog(
  folder: string,
  origin: string,
): Promise<{ wrong: string[]; rows: number; unread: number }> {
  const wrong: string[] = []
  const trades = await exported('trades', folder)
  const log = await logOf(folder, origin)
  const read = log.map((records, partition) => {
    const offsets = trades.filter((row) => row['log_partition'] === partition).map((row) => Number(row['log_offset']))
    const last = offsets.reduce((a, b) => Math.max(a, b), -1)
    return records.filter(({ offset }) => offset <= last)
  })
  const unread = log.flat().length - read.flat().length
  const results = read.map(oracle)
  const wanted = new Set(
    results.flatMap(({ trades, future }, partition) => [...trades, ...future].map((id) => `${partition}:${id}`)),
  )
  const ids = trades.map((row) => `${row['log_partition']}:${row['log_offset']}:${row['log_index']}`)
  const found = new Set(ids)
  if (found.size !== ids.length) wrong.push(`${ids.length - found.size} trades twice`)
  wrong.push(...[...wanted].filter((id) => !found.has(id)).map((id) => `trade ${id} is missing`))
  wrong.push(...[...found].filter((id) => !wanted.has(id)).map((id) => `trade ${id} is not in the log`))
  const windows = new Map(
    results.flatMap((result) => [...result.windows.values()].map((window) => [keyOf(window), window])),
  )
  const rows = [...(await exported('windows', folder)), ...(await exported('candles', folder))]
  for (const row of rows) wrong.push(...rowProblems(row, windows.get(keyOfRow(row))))
  const present = new Set(rows.map(keyOfRow))
  wrong.push(...[...windows.keys()].filter((key) => !present.has(key)).map((key) => `${key} is missing`))
  return { wrong, rows: rows.length + ids.length, unread }
}

const keyOf = ({ symbol, kind, start }: OracleWindow): string => `${symbol} ${kind} ${start}`
const keyOfRow = (row: Row): string =>
  `${row['symbol']} ${row['interval'] ?? 'window'} ${row['interval'] === undefined ? row['window_start_ts'] : row['open_ts']}`

function rowProblems(row: Row, window: OracleWindow | undefined): string[] {
  const key = keyOfRow(row)
  if (window === undefined) return [`${key} is not in the log`]
  const isNear = (column: string, value: number) => Math.abs(Number(row[column]) - value) <= 1e-9 * Math.abs(value)
  const { n, open, high, low, close, volume, pv, isPast } = window
  const wrong = Object.entries({ n, open, high, low, close, volume, vwap: pv / volume })
    .filter(([column, value]) => !isNear(column, value))
    .map(([column, value]) => `${key}: ${column} is ${row[column]}, not ${value}`)
  if (isPast && row['final'] !== true) wrong.push(`${key} is not final`)
  return wrong
}
