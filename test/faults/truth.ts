import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

import type { LogOfPartition } from './log.ts'
import type { Entry } from '../../src/trade.ts'

const nameOf = ({ s, t, p, v }: Pick<Entry, 's' | 't' | 'p' | 'v'>): string => `${s} ${t} ${p} ${v}`

/** Compares what the market wrote down as sent with the log: trades that the log has not, and those that nobody sent. */
export async function notInLog(
  truthFile: string,
  log: readonly LogOfPartition[],
): Promise<{ missed: number; unknown: string[] }> {
  const counts = new Map<string, number>()
  const add = (name: string, by: number) => counts.set(name, (counts.get(name) ?? 0) + by)
  for await (const line of createInterface({ input: createReadStream(truthFile) })) {
    if (line === '') continue
    const { data = [] } = JSON.parse((JSON.parse(line) as { frame: string }).frame) as { data?: Entry[] }
    for (const entry of data) add(nameOf(entry), 1)
  }
  for (const { records } of log) for (const { entries } of records) for (const entry of entries) add(nameOf(entry), -1)
  let missed = 0
  const unknown: string[] = []
  for (const [name, count] of counts) {
    if (count > 0) missed += count
    if (count < 0) unknown.push(`${name} is ${-count} times more in the log than it was sent`)
  }
  return { missed, unknown }
}
