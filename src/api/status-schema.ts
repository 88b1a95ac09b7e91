/** What `Status` says, for the OpenAPI document: /v1/stats answers it, /statusz has it among other things. */
import * as v from 'valibot'

import { HOPS } from '../latency.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const ms = (description: string) => v.pipe(v.nullable(v.number()), v.description(description))

const hop = v.pipe(
  v.strictObject({
    p50_ms: ms('Half of the samples took at most this; an upper bound, at most a quarter too high. Null: not known'),
    p99_ms: ms('99 of 100 samples took at most this'),
    samples: v.pipe(count, v.description('Of each write and each push the oldest and the newest row')),
    note: v.pipe(v.nullable(v.string()), v.description('Why there is no figure, or how to take it')),
  }),
  v.description(
    'exchange_receive: from the time in the trade to its receipt; receive_broker: until the log has it; ' +
      'broker_store: until it can be read; store_serve: until it was sent to who listens to live data',
  ),
)

const clock = v.strictObject({
  hop: v.picklist(HOPS),
  off_ms: v.pipe(v.number(), v.description('At least')),
  why: v.string(),
  try: v.string(),
})

const latency = v.strictObject({
  window_s: v.pipe(v.number(), v.description('The figures are of so many seconds')),
  hops: v.strictObject({ exchange_receive: hop, receive_broker: hop, broker_store: hop, store_serve: hop }),
  clock_offset_ms: ms("How far the feed's clock is ahead; null where the feed is in another process, or did not tell"),
  clocks: v.pipe(v.array(clock), v.description('Clocks that cannot both be right')),
})

const feed = v.strictObject({
  kind: v.string(),
  lines: v.optional(v.pipe(count, v.description('Of a recording: frames read'))),
  bytes: v.optional(count),
  totalBytes: v.optional(v.pipe(v.nullable(count), v.description('Null for a pipe'))),
})

export const statusSchema = v.strictObject({
  trades_per_second: v.number(),
  latency_p50_ms: ms('From receipt to readable in the store; null: nothing was stored, or nobody told'),
  latency_p99_ms: ms('The same, 99 of 100'),
  lag_records: v.pipe(
    v.nullable(count),
    v.description('Records not yet processed, by all processors; null: not known just now'),
  ),
  trades_stored: v.pipe(count, v.description('Since the start of this process')),
  latency,
  feed: v.optional(v.pipe(feed, v.description('Where the feed is in this process'))),
})
