import { isShort } from './check.ts'
import type { Run } from './run.ts'
import { columnsOf, Oracle, type OracleWindow } from './oracle.ts'
import { TOPIC } from './processor.ts'
import type { Processor } from './processor.ts'
import type { Commit } from '../../src/stream/broker.ts'
import { partitionOf } from '../../src/stream/broker/partitioner.ts'
import type { Rows } from '../../src/stream/store.ts'
import { windowKey } from './tables.ts'
import { INTERVAL_MS } from '../../src/trade.ts'

interface Metadata {
  incarnation: number
  watermark: number | null
  processed: number
  record: [number, string | null, string | null]
  fingerprint: string
  from: number | null
}

interface Known {
  oracle: Oracle
  seen: { trades: number; late: number; bad: number }
  closed: Set<string>
}

/** What must hold at every moment, not only at the end. */
export class Watch {
  readonly #run: Run
  /** What commits have covered so far, by partition. */
  readonly #known = new Map<number, Known>()

  constructor(run: Run) {
    this.#run = run
    run.store.onWrite = (owner, rows) => this.#write(owner as Processor, rows)
    run.group.onCommit = (partition, commit) => this.#commit(partition, commit)
  }

  /** What was known of the store or the log is not so any more. */
  forget(): void {
    this.#known.clear()
  }

  #write(processor: Processor, rows: Rows): void {
    const { world, partitions } = this.#run
    const symbols = [...rows.windows, ...rows.candles, ...rows.latest].map(({ symbol }) =>
      partitionOf(symbol, partitions),
    )
    const offsets = [...rows.late, ...rows.rollups].map((row) => row.log_partition)
    for (const partition of new Set([...symbols, ...offsets, ...rows.trades.map((batch) => batch.partition)])) {
      const signal = processor.owned.get(partition)
      if (signal === undefined || signal.aborted)
        world.fail(`${processor.name} writes rows of partition ${partition}, which is not its own any more`)
    }
    for (const row of rows.windows)
      this.#row(windowKey(row.symbol, 'window', row.window_start_ts), row, row.window_end_ts)
    for (const row of rows.candles)
      this.#row(windowKey(row.symbol, row.interval, row.open_ts), row, row.open_ts + INTERVAL_MS[row.interval])
  }

  #row(key: string, row: Rows['windows'][number] | Rows['candles'][number], end: number): void {
    const { world, store, idle, rules, isDraining, isLoose } = this.#run
    if (row.closed_by === 'idle') world.saw('closed-by-silence')
    if (row.closed_by === 'idle' && !isDraining && world.now < end + rules.delay + idle)
      world.fail(`${key} is closed by silence before its time`)
    const known = store.live.windows.get(key)
    if (known !== undefined && known.stamp > row.stamp) world.saw('older-state-written')
    if (known === undefined || known.stamp >= row.stamp || isLoose) return
    if (known.closed_by === 'idle') world.saw('revised-after-silence')
    if (known.closed_by === 'watermark') world.fail(`${key} was final and changes: ${JSON.stringify([known, row])}`)
  }

  #commit(partition: number, { offset, metadata }: Commit): void {
    const { world, rules, store, log } = this.#run
    const data = JSON.parse(metadata) as Metadata
    const { window, hop, delay, futureLimit } = rules
    if (data.fingerprint !== [window, hop, delay, futureLimit, store.id].join('/')) return
    const { records } = log.slot(TOPIC, partition)
    const last = records[data.processed]
    if (last === undefined || last.timestamp !== data.record[0]) return
    const known = this.#knownOf(partition, data)
    const { oracle } = known
    if (oracle.position > data.processed + 1) return
    oracle.feedAll(records, data.processed + 1)
    world.saw('commit')
    const watermark = Number.isFinite(oracle.watermark) ? oracle.watermark : null
    if (watermark !== data.watermark)
      world.fail(`the watermark after ${data.processed} is ${watermark}, and ${data.watermark} was committed`)
    const lowest = this.#lowest(oracle, data.processed + 1)
    if (offset > lowest) world.fail(`${offset} was committed, but an open window needs ${lowest}`)
    if (offset < lowest) world.fail(`${offset} was committed, but nothing below ${lowest} is needed`)
    this.#durable(partition, known)
  }

  #knownOf(partition: number, { from }: Metadata): Known {
    const known = this.#known.get(partition)
    const start = from === null ? 0 : (this.#run.cuts.get(partition) ?? 0)
    if (known !== undefined && (from === null) === (known.oracle.from === Number.NEGATIVE_INFINITY)) return known
    const oracle = new Oracle(this.#run.rules, start)
    const made = { oracle, seen: { trades: 0, late: 0, bad: 0 }, closed: new Set<string>() }
    this.#known.set(partition, made)
    return made
  }

  #lowest(oracle: Oracle, position: number): number {
    let lowest = position
    for (const { kind, end, prints } of oracle.windows.values())
      if (isShort(kind) && end > oracle.watermark) lowest = Math.min(lowest, prints[0]?.offset ?? position)
    return lowest
  }

  /** Everything that this commit covers is on the disk. */
  #durable(partition: number, { oracle, seen, closed }: Known): void {
    const { world, store } = this.#run
    const { disk } = store
    const missing = (what: string) =>
      world.fail(
        `the commit of partition ${partition} at ${oracle.position - 1} covers ${what}, which is not there for good`,
      )
    const trades = [...oracle.trades.keys()]
    for (const id of trades.slice(seen.trades)) if (!disk.trades.has(`${partition}:${id}`)) missing(`trade ${id}`)
    const late = [...oracle.late.keys()]
    for (const id of late.slice(seen.late)) if (!disk.late.has(`${partition}:${id}`)) missing(`late trade ${id}`)
    for (const bad of oracle.bad.slice(seen.bad))
      if (!this.#run.deadLetters(partition).has(bad)) missing(`broken record ${bad}`)
    seen.trades = trades.length
    seen.late = late.length
    seen.bad = oracle.bad.length
    for (const [key, window] of oracle.windows) {
      if (window.end > oracle.watermark || window.start < oracle.from || closed.has(key)) continue
      closed.add(key)
      if (!this.#isThere(key, window)) missing(`final ${key}`)
    }
  }

  #isThere(key: string, window: OracleWindow): boolean {
    const row = this.#run.store.disk.windows.get(key)
    if (row === undefined) return false
    const { n } = columnsOf(window)
    return this.#run.isLoose ? row.n >= (n ?? 0) : row.n === n && row.closed_by === 'watermark'
  }
}
