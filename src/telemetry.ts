import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'

import type { Clock } from './clock.ts'
import { gaugeByPartition, Pauses } from './computed-metrics.ts'
import type { Log } from './log.ts'
import { Secrets } from './secrets.ts'

export {
  createLog,
  type Fields,
  type Level,
  LEVELS,
  type Log,
  LOG_FORMATS,
  type LogFormat,
  type LogOptions,
  silentLog,
} from './log.ts'

const LATENCY_BUCKETS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]

/** Every metric of the program. Base units; no `symbol` label, so that the number of series stays bounded. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name: `stockpipe_${name}`, help, labelNames, registers })
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge({ name: `stockpipe_${name}`, help, labelNames, registers })
  const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Histogram({ name: `stockpipe_${name}`, help, labelNames, registers, buckets: LATENCY_BUCKETS })
  const pipelineLag = gauge('pipeline_lag_records', 'Records that no processor has processed yet, as the api sees it')
  const pipelineLagSeconds = gauge(
    'pipeline_lag_seconds',
    'For how long the oldest of these has been in the log, at least, as the api sees it',
  )
  // They would be 0 where nobody sets them: that looks as if nothing waited.
  for (const lag of [pipelineLag, pipelineLagSeconds]) lag.remove({})
  return {
    registry,
    buildInfo: gauge('build_info', 'Always 1; the labels tell the build', ['version', 'commit', 'runtime']),
    roleInfo: gauge('role_info', 'Always 1, for each role of this process', ['role']),
    feedConnected: gauge('feed_connected', '1 while the feed has a connection'),
    feedFrames: counter('feed_frames_total', 'Frames received', ['type']),
    feedReconnects: counter('feed_reconnects_total', 'Connections lost', ['reason']),
    feedLastFrame: gauge('feed_last_frame_timestamp_seconds', 'When the last frame came'),
    feedRepeats: counter('feed_repeats_total', 'Entries marked as repeated deliveries'),
    repeatGuesses: counter('feed_repeat_guesses_total', 'Symbols whose number of copies had to be guessed'),
    feedGapSeconds: counter('feed_gap_seconds_total', 'Time without a view of the market', ['cause']),
    spoolBytes: gauge('spool_bytes', 'What waits on disk for the log'),
    spoolDropped: counter('spool_dropped_total', 'Frames that fitted neither memory nor the spool'),
    clockOffset: gauge('clock_offset_seconds', 'How far the feed is ahead of this clock'),
    clockSkew: gauge('clock_skew_seconds', 'By how much two clocks contradict each other at least', ['hop']),
    trades: counter('trades_total', 'Trades that passed a stage', ['stage']),
    lateTrades: counter('late_trades_total', 'Trades late for a window', ['scope']),
    lateShare: gauge('late_trades_share', 'Late ones among the last trades (at least 100) of the worst symbol', [
      'partition',
    ]),
    quarantined: counter('quarantined_trades_total', 'Trades kept out of all windows', ['reason']),
    rejected: counter('rejected_entries_total', 'Invalid entries', ['reason']),
    deadLetters: counter('dead_letters_total', 'Records sent to the dead-letter topic', ['reason']),
    duplicates: counter('duplicate_records_total', 'Records that were in the log already'),
    endToEnd: histogram('end_to_end_latency_seconds', 'From receipt to readable in the store'),
    hop: histogram('hop_duration_seconds', 'Time spent between two points', ['hop']),
    lagRecords: gauge('consumer_lag_records', 'Records not yet processed', ['partition']),
    pipelineLag,
    pipelineLagSeconds,
    lagSeconds: gaugeByPartition(registry, 'consumer_lag_seconds', 'Age of the oldest record not yet processed'),
    watermarkLag: gaugeByPartition(registry, 'watermark_lag_seconds', 'Clock minus watermark'),
    storeWrite: histogram(
      'store_write_duration_seconds',
      'One attempt to write rows, of trades or of all other tables',
      ['table', 'outcome'],
    ),
    storeInFlight: gauge('store_in_flight', 'Writes that the store has not answered yet'),
    storeRetries: counter('store_retries_total', 'What the store was asked again until it did it', ['class']),
    retries: counter('retries_total', 'What was tried again until it worked, of the store and all others', [
      'component',
      'class',
    ]),
    rebalances: counter('rebalances_total', 'Times the group shared out its partitions, the first one included'),
    rewinds: counter('rewinds_total', 'Partitions that went back to their last commit while running', ['cause']),
    replayed: counter('replayed_trades_total', 'Trades read again to rebuild state after a start'),
    queueDepth: gauge('queue_depth', 'Entries waiting', ['queue']),
    paused: new Pauses(
      registry,
      'paused_seconds_total',
      'Time in which partitions read nothing, as they waited to get rid of rows or stood still',
    ),
    lastProgress: gauge('last_progress_timestamp_seconds', 'When the processor last moved on'),
    streamClients: gauge('stream_clients', 'Listeners of live data'),
    streamConflated: counter('stream_conflated_total', 'Updates merged for slow listeners'),
    grafanaLive: counter('grafana_live_pushes_total', 'Pushes to Grafana Live', ['outcome']),
    http: histogram('http_request_duration_seconds', 'HTTP requests', ['method', 'route', 'status']),
  }
}
export type Metrics = ReturnType<typeof createMetrics>

/**
 * What is ready and what is not, by component; `/readyz` prints it. Where several parts of the program use one
 * component, each says who it is: the component is ready when nobody has trouble with it.
 */
export class Health {
  readonly #troubles = new Map<string, Map<object | null, string>>()
  readonly #warnings = new Map<string, string>()
  readonly #causes = new Map<string, { component: string; who: Set<object> }>()
  readonly #secrets: Secrets

  /** No secret gets into a reason. */
  constructor(secrets = new Secrets()) {
    this.#secrets = secrets
  }

  ready(component: string, who: object | null = null): void {
    this.#of(component).delete(who)
  }

  /** `reason` is for a person: what is wrong and, where known, until when. */
  notReady(component: string, reason: string, who: object | null = null): void {
    this.#of(component).set(who, this.#secrets.hide(reason))
  }

  /** What is wrong with a component; null when nothing is. */
  reason(component: string): string | null {
    return this.#troubles.get(component)?.values().next().value ?? null
  }

  /** Something that people must know though the component does its work; null: not any more. */
  warn(component: string, reason: string | null): void {
    if (reason === null) this.#warnings.delete(component)
    else this.#warnings.set(component, this.#secrets.hide(reason))
  }

  /** Whether it was ever said to be ready or not. */
  knows(component: string): boolean {
    return this.#troubles.has(component)
  }

  get isReady(): boolean {
    return [...this.#troubles.values()].every(({ size }) => size === 0)
  }

  /** A component that is ready and has a reason is warned of. */
  report(): { component: string; ready: boolean; reason: string | null }[] {
    return [...new Set([...this.#troubles.keys(), ...this.#warnings.keys()])].map((component) => {
      const reason = this.reason(component)
      return { component, ready: reason === null, reason: reason ?? this.#warnings.get(component) ?? null }
    })
  }

  /** `who` waits for `cause` to pass. True where nobody has waited for it until now: that is worth a line in the log. */
  blame(cause: string, component: string, who: object): boolean {
    const known = this.#causes.get(cause)
    if (known === undefined) this.#causes.set(cause, { component, who: new Set([who]) })
    else known.who.add(who)
    return known === undefined
  }

  /** `who` waits no more. Returns the components under which those causes were told that nobody waits for now. */
  forgive(who: object): Set<string> {
    const ended = new Set<string>()
    for (const [cause, { component, who: waiting }] of this.#causes) {
      if (!waiting.delete(who) || waiting.size > 0) continue
      this.#causes.delete(cause)
      ended.add(component)
    }
    return ended
  }

  #of(component: string): Map<object | null, string> {
    const known = this.#troubles.get(component)
    if (known !== undefined) return known
    const made = new Map<object | null, string>()
    this.#troubles.set(component, made)
    return made
  }
}

/** What every part of the program may be handed: time, words, numbers, state. */
export interface Context {
  clock: Clock
  log: Log
  metrics: Metrics
  health: Health
}
