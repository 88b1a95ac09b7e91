import { anchorOf } from './runbook.ts'

/**
 * The alerts, once, for Grafana's files and for Prometheus' rules. Each expression gives a number at all times, so that
 * "no data" means that Prometheus itself is away.
 */
export interface Alert {
  /** Also the heading of its section in the runbook. */
  title: string
  uid: string
  severity: 'critical' | 'warning'
  expr: string
  /** It fires while the number is above this. */
  above: number
  for: string
  summary: string
}

/** What a counter grew by: one that was not there before counts as a whole, which `increase` alone would miss. */
const grown = (counter: string, window: string): string =>
  `sum((${counter} unless ${counter} offset ${window}) or increase(${counter}[${window}])) or vector(0)`

/**
 * By role: 1 while no process has it, else 0. There is no pipeline without a processor; a producer and an api of ours are
 * missed where there were some, for a topic may have another producer, and nobody need read by an api. Nothing is missed
 * while a process of an older version runs, which tells no roles: it may be the one. The last term is the 0 of a pipeline
 * where all are.
 */
const MISSING = [
  '0 * max by (role) (stockpipe_role_info)',
  '((absent(stockpipe_role_info{role="processor"}) or max by (role) (max_over_time(stockpipe_role_info[24h]))) unless on () (stockpipe_build_info unless on (job, instance) stockpipe_role_info))',
  'on () 0 * max(stockpipe_build_info)',
].join(' or ')

export const ALERTS: readonly Alert[] = [
  {
    title: 'Feed is silent',
    uid: 'stockpipe-feed-silent',
    severity: 'critical',
    // Also when the producer is gone: then the others, which have no feed, say 0.
    expr: '(time() - max(stockpipe_feed_last_frame_timestamp_seconds)) or vector(0)',
    above: 120,
    for: '1m',
    summary: 'No frame came from the feed for two minutes, not even a ping',
  },
  {
    title: 'Processing lags',
    uid: 'stockpipe-lag',
    severity: 'critical',
    // What nobody owns is seen by the api alone.
    expr: 'max(stockpipe_consumer_lag_seconds or stockpipe_pipeline_lag_seconds) or vector(0)',
    above: 30,
    for: '2m',
    summary: 'Records wait for more than half a minute until they are processed',
  },
  {
    title: 'End-to-end latency is high',
    uid: 'stockpipe-latency',
    severity: 'warning',
    // Without trades the quantile is no number; the comparison drops it.
    expr: '(histogram_quantile(0.99, sum by (le) (rate(stockpipe_end_to_end_latency_seconds_bucket[5m]))) >= 0) or vector(0)',
    above: 5,
    for: '5m',
    summary: 'One trade in a hundred takes more than 5 s from receipt until it can be read',
  },
  {
    title: 'Writes fail',
    uid: 'stockpipe-write-errors',
    severity: 'critical',
    // A start waits for others in the same way: it is over within the time for which this must last.
    expr: grown('stockpipe_retries_total', '2m'),
    above: 4,
    for: '3m',
    summary:
      'The store or the log refuses what it is asked, or does not answer; it is tried again, and nothing is lost meanwhile',
  },
  {
    title: 'Dead letters',
    uid: 'stockpipe-dead-letters',
    severity: 'warning',
    expr: grown('stockpipe_dead_letters_total', '10m'),
    above: 0,
    for: '0s',
    summary: 'Records could not be read and were put into the dead-letter topic',
  },
  {
    title: 'Process restarts',
    uid: 'stockpipe-restarts',
    severity: 'critical',
    expr: 'max(changes(process_start_time_seconds[15m]) and on (job, instance) max_over_time(stockpipe_build_info[15m])) or vector(0)',
    above: 2,
    for: '0s',
    summary: 'A process started three times or more within a quarter of an hour',
  },
  {
    title: 'Process is down',
    uid: 'stockpipe-down',
    severity: 'critical',
    expr: 'count((up == 0) and on (job, instance) max_over_time(stockpipe_build_info[1h])) or vector(0)',
    above: 0,
    for: '2m',
    summary: 'Prometheus cannot reach a process that it saw within the last hour',
  },
  {
    title: 'Role is missing',
    uid: 'stockpipe-role-missing',
    severity: 'critical',
    // By what processes tell, as a target that is gone has no `up`, and one process may have all roles.
    expr: MISSING,
    above: 0,
    for: '2m',
    summary: 'No process has the role that the label says: its part of the work is not done',
  },
  {
    title: 'Log is away',
    uid: 'stockpipe-spool',
    severity: 'warning',
    expr: 'sum(stockpipe_spool_bytes) or vector(0)',
    above: 0,
    for: '5m',
    summary: 'What comes from the feed is kept on the disk of the producer, because the log does not take it',
  },
]

export const runbookOf = ({ title }: Alert): string => `docs/operations.md#${anchorOf(title)}`
