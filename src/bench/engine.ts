import { type BenchReport, perSecond, race } from './report.ts'
import { recordedTrades } from './trades.ts'
import { messageType } from '../stream/codec.ts'
import { Partition } from '../stream/partition.ts'

const SYMBOLS = 500
const PER_RECORD = 20
const RECORDS = 50_000
const PER_BATCH = 500
const FLUSH_NS = 100e6
const WINDOWS = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }

/**
 * What the processor costs without a log and without a store: decode, fold, rows; beside the bare Avro decode of
 * the same bytes. 500 symbols, 20 trades a record, open rows written every 100 ms, as the processor does.
 */
export async function benchEngine(): Promise<BenchReport> {
  const records = recordedTrades({ records: RECORDS, perRecord: PER_RECORD, symbols: SYMBOLS })
  const trades = RECORDS * PER_RECORD
  let rows = 0
  const rates = await race(5, trades, {
    bare: () => {
      for (const { value } of records) if (value !== null) messageType.fromBuffer(value as Buffer)
    },
    engine: () => {
      const partition = new Partition(WINDOWS, { partition: 0, incarnation: 1, truncated: false, committed: null })
      rows = 0
      let flushed = Bun.nanoseconds()
      for (let from = 0; from < records.length; from += PER_BATCH) {
        partition.fold({
          records: records.slice(from, from + PER_BATCH),
          end: records.length,
          startedAt: 0,
          endedAt: 0,
        })
        const isDue = Bun.nanoseconds() - flushed >= FLUSH_NS
        if (isDue) flushed = Bun.nanoseconds()
        const taken = partition.take({ flush: isDue })
        if (isDue) partition.triple()
        rows += taken.windows.length + taken.candles.length + taken.rollups.length
      }
    },
  })
  return {
    text: [
      `${SYMBOLS} symbols, ${PER_RECORD} trades a record, ${trades.toLocaleString('en')} trades, one core`,
      `decode + fold + rows  ${perSecond(rates.engine)}  (${rows.toLocaleString('en')} window and candle rows)`,
      `bare Avro decode      ${perSecond(rates.bare)}`,
      `share                 ${(rates.engine / rates.bare).toFixed(2)}`,
    ].join('\n'),
    json: {
      engine_trades_per_second: rates.engine,
      bare_decode_trades_per_second: rates.bare,
      share: rates.engine / rates.bare,
      rows,
    },
  }
}
