import { StockpipeError } from '../../errors.ts'
import type { Broker } from '../../stream/broker.ts'
import { deadLetterTopic } from '../../stream/topics.ts'
import { recordsOf } from '../../verify/read-log.ts'
import { type Letter, letterOf } from './letter.ts'

const MOST_BYTES = 67_108_864

/** Which letters. */
export interface Selection {
  /** `partition:offset`; null: all. */
  ids: readonly string[] | null
  /** By when they were appended, `[from, to)`, unix ms. */
  from: number
  to: number
  /** Only the newest so many. */
  limit: number
  /** More than the limit is an error. */
  isWhole: boolean
}

/** The newest letters of the selection, oldest first, one of each source. Throws `too-large` for more than fit. */
export async function selectLetters(
  { broker, topic, signal }: { broker: Pick<Broker, 'read' | 'bounds'>; topic: string; signal: AbortSignal },
  { ids, from, to, limit, isWhole }: Selection,
): Promise<Letter[]> {
  const letters = new Map<string, Letter>()
  const name = deadLetterTopic(topic)
  for (const [partition, bounds] of (await broker.bounds(name)).entries()) {
    const own = new Map<string, Letter>()
    let bytes = 0
    for await (const records of recordsOf({ broker, topic: name, partition, signal, ...bounds }))
      for (const record of records) {
        const letter = letterOf(record, partition)
        if (letter.at < from || letter.at >= to || !(ids?.includes(letter.id) ?? true)) continue
        bytes += letter.value?.length ?? 0
        if (isWhole && (own.size >= limit || bytes > MOST_BYTES)) throw tooMany(limit)
        // The newest of a source comes last.
        own.delete(letter.source)
        own.set(letter.source, letter)
        if (own.size > limit) own.delete(own.keys().next().value ?? '')
      }
    for (const [source, letter] of own) letters.set(source, letter)
  }
  if (isWhole && letters.size > limit) throw tooMany(limit)
  return [...letters.values()].sort((a, b) => a.at - b.at).slice(-limit)
}

const tooMany = (limit: number): StockpipeError =>
  new StockpipeError(
    'too-large',
    `there are more than ${limit.toLocaleString('en')} letters, or more than 64 MB of them`,
    {
      hint: 'choose some by --from and --to, or by --id',
    },
  )
