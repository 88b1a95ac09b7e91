/** Whether the pipeline does its work: rate, errors and duration of each stage, and what lies behind. */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'

import { gapsAnnotations, partitionVariables, symbolVariable } from './cql.ts'
import { type Box, dashboard, graph, stat } from './panels.ts'
import { promql, promqlBuckets, promqlNow, quantile, rate } from './promql.ts'

export const pipeline = (): DashboardBuilder =>
  dashboard({
    title: 'Pipeline',
    uid: 'stockpipe-pipeline',
    description: 'Rate, errors and duration of each stage; what is not yet processed; gaps of the chosen symbol',
    refresh: '5s',
    from: 'now-30m',
  })
    .variables([symbolVariable(), ...partitionVariables('gap_days', "'gaps'")])
    .annotations(gapsAnnotations())
    .withPanel(connected())
    .withPanel(silence())
    .withPanel(lagNow())
    .withPanel(latencyNow())
    .withPanel(rates())
    .withPanel(errors())
    .withPanel(exchangeReceive())
    .withPanel(receiveBroker())
    .withPanel(brokerStore())
    .withPanel(storeServe())
    .withPanel(wholeWay())
    .withPanel(heatmap())
    .withPanel(clocks())
    .withPanel(lagRecords())
    .withPanel(lagSeconds())
    .withPanel(gaps())
    .withPanel(writes())
    .withPanel(requests())

// The roles that have no feed say 0.
const connected = () =>
  stat({ title: 'Feed connected', at: [0, 0, 6, 4] }, [promqlNow('A', 'max(stockpipe_feed_connected)', 'connected')])

const silence = () =>
  stat({ title: 'Since the last frame', at: [6, 0, 6, 4], unit: 's' }, [
    promqlNow('A', 'time() - max(stockpipe_feed_last_frame_timestamp_seconds)', 'silent'),
  ])

const lagNow = () =>
  stat({ title: 'Records not yet processed', at: [12, 0, 6, 4] }, [
    // Before the api looked for the first time, and where there is none: what processors tell.
    promqlNow('A', 'max(stockpipe_pipeline_lag_records) or sum(stockpipe_consumer_lag_records)', 'records'),
  ])

const latencyNow = () =>
  stat({ title: 'Receipt to readable, p99', at: [18, 0, 6, 4], unit: 's' }, [
    promqlNow('A', quantile(0.99, 'end_to_end_latency_seconds'), 'p99'),
  ])

const rates = () =>
  graph({ title: 'Trades per second, by stage', at: [0, 4, 12, 8], unit: 'cps' }, [
    promql('A', rate('trades_total', 'stage'), '{{stage}}'),
    promql('B', rate('feed_frames_total', 'type'), 'frames: {{type}}'),
  ])

const errors = () =>
  graph({ title: 'What went wrong, per second', at: [12, 4, 12, 8], unit: 'cps' }, [
    promql('A', rate('rejected_entries_total', 'reason'), 'rejected: {{reason}}'),
    promql('B', rate('dead_letters_total', 'reason'), 'dead letter: {{reason}}'),
    promql('C', rate('quarantined_trades_total', 'reason'), 'kept out: {{reason}}'),
    promql('D', rate('late_trades_total', 'scope'), 'late'),
    promql('E', rate('retries_total', 'component, class'), '{{component}} again: {{class}}'),
    promql('F', rate('feed_reconnects_total', 'reason'), 'reconnect: {{reason}}'),
    promql('G', 'sum(rate(stockpipe_spool_dropped_total[$__rate_interval]))', 'frames lost'),
    promql('H', rate('rewinds_total', 'cause'), 'begun again: {{cause}}'),
  ])

const hop = (name: string, box: Pick<Box, 'title' | 'at' | 'description'>) =>
  graph({ ...box, unit: 's' }, [
    promql('A', quantile(0.5, 'hop_duration_seconds', { of: `hop="${name}"` }), 'p50'),
    promql('B', quantile(0.99, 'hop_duration_seconds', { of: `hop="${name}"` }), 'p99'),
  ])

/** In the order of the way of a trade. */
const exchangeReceive = () =>
  hop('exchange_receive', {
    title: 'Exchange to receipt',
    at: [0, 12, 6, 8],
    description: 'From the time in the trade to its receipt, by two clocks; without trades older than a minute',
  })

const receiveBroker = () =>
  hop('receive_broker', {
    title: 'Receipt to log',
    at: [6, 12, 6, 8],
    description: 'Until the log has it, also by way of the spool',
  })

const brokerStore = () =>
  hop('broker_store', {
    title: 'Log to store',
    at: [12, 12, 6, 8],
    description: 'Until it can be read from the store',
  })

const storeServe = () =>
  hop('store_serve', {
    title: 'Store to listener',
    at: [18, 12, 6, 8],
    description: 'Until the api sent it to who listens to live data; nothing where nobody does',
  })

const wholeWay = () =>
  graph({ title: 'Receipt to readable, p50 and p99', at: [0, 20, 8, 8], unit: 's' }, [
    promql('A', quantile(0.5, 'end_to_end_latency_seconds'), 'p50'),
    promql('B', quantile(0.99, 'end_to_end_latency_seconds'), 'p99'),
  ])

const clocks = () =>
  graph(
    {
      title: 'Clocks that differ',
      at: [16, 20, 8, 8],
      unit: 's',
      description:
        'How far the feed is ahead of its producer, and by how much the clocks of a hop contradict each other at least',
    },
    [
      promql('A', 'max(stockpipe_clock_offset_seconds) > 0 or min(stockpipe_clock_offset_seconds)', 'feed'),
      promql('B', 'max by (hop) (stockpipe_clock_skew_seconds)', '{{hop}}'),
    ],
  )

const heatmap = () =>
  new HeatmapBuilder()
    .title('Receipt to readable')
    .description('How many trades took how long, from their receipt until they could be read from the store')
    .gridPos({ x: 8, y: 20, w: 8, h: 8 })
    .calculate(false)
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Spectral').steps(64))
    .yAxis(new YAxisConfigBuilder().unit('s'))
    .withTarget(
      promqlBuckets('A', 'sum by (le) (increase(stockpipe_end_to_end_latency_seconds_bucket[$__rate_interval]))'),
    )

const lagRecords = () =>
  graph(
    {
      title: 'Lag in records',
      at: [0, 28, 8, 8],
      description:
        'Against what is processed: what is committed trails on purpose. By partition as its owner tells; the api also sees what nobody owns, when it has been in the log for 2 s',
    },
    [
      promql('A', 'sum by (partition) (stockpipe_consumer_lag_records)', 'partition {{partition}}'),
      promql('B', 'max(stockpipe_pipeline_lag_records)', 'all, seen by the api'),
    ],
  )

const lagSeconds = () =>
  graph(
    {
      title: 'Lag in seconds',
      at: [8, 28, 8, 8],
      unit: 's',
      description:
        'Age of the oldest record that waits: by partition as its owner tells, and as the api sees it, whether somebody owns it or not',
    },
    [
      promql('A', 'max by (partition) (stockpipe_consumer_lag_seconds)', 'partition {{partition}}'),
      promql('B', 'max(stockpipe_pipeline_lag_seconds)', 'the oldest, seen by the api'),
      promql('C', 'max(stockpipe_watermark_lag_seconds)', 'watermark, the slowest'),
    ],
  )

const gaps = () =>
  graph({ title: 'Without a view of the market', at: [16, 28, 8, 8], unit: 's' }, [
    promql('A', 'sum by (cause) (increase(stockpipe_feed_gap_seconds_total[$__rate_interval]))', '{{cause}}'),
  ])

const writes = () =>
  graph({ title: 'Writes to the store that worked', at: [0, 36, 12, 8], unit: 's' }, [
    promql('A', quantile(0.5, 'store_write_duration_seconds', WORKED), 'p50 {{table}}'),
    promql('B', quantile(0.99, 'store_write_duration_seconds', WORKED), 'p99 {{table}}'),
  ])
/** Those that fail may do so at once, and would make a store that is away look fast. */
const WORKED = { of: 'outcome="ok"', by: 'table' }

const requests = () =>
  graph({ title: 'HTTP requests, p99 by route', at: [12, 36, 12, 8], unit: 's' }, [
    promql('A', quantile(0.99, 'http_request_duration_seconds', { by: 'route' }), '{{route}}'),
  ])
