/** What the processes use, and what is full. */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard'

import { dashboard, graph, stat, table } from './panels.ts'
import { promql, promqlNow, promqlTable } from './promql.ts'

/** The standard names of a process are those of every program: only of instances that are ours. */
const ours = (expr: string): string => `${expr} and on (job, instance) stockpipe_build_info`

export const resources = (): DashboardBuilder =>
  dashboard({
    title: 'Resources',
    uid: 'stockpipe-resources',
    description: 'Memory, processor, event loop, disk and queues of each process',
    refresh: '5s',
    from: 'now-30m',
  })
    .withPanel(spool())
    .withPanel(disk())
    .withPanel(restarts())
    .withPanel(builds())
    .withPanel(cpu())
    .withPanel(memory())
    .withPanel(heap())
    .withPanel(loop())
    .withPanel(queues())
    .withPanel(listeners())

const spool = () =>
  stat({ title: 'Waits on disk for the log', at: [0, 0, 6, 5], unit: 'bytes' }, [
    promqlNow('A', 'sum(stockpipe_spool_bytes)', 'spool'),
  ])

const disk = () =>
  stat({ title: 'Free on the disk of the data', at: [6, 0, 6, 5], unit: 'bytes' }, [
    promqlNow('A', 'min by (instance) (stockpipe_disk_free_bytes)', '{{instance}}'),
  ])

const restarts = () =>
  stat({ title: 'Starts in the last hour', at: [12, 0, 6, 5] }, [
    promqlNow('A', ours('changes(process_start_time_seconds[1h])'), '{{instance}}'),
  ])

const builds = () =>
  table({ title: 'Builds', at: [18, 0, 6, 5] }, [promqlTable('A', 'count by (version, commit) (stockpipe_build_info)')])

const cpu = () =>
  graph({ title: 'Processor', at: [0, 5, 12, 8], unit: 'percentunit' }, [
    promql('A', ours('rate(process_cpu_seconds_total[$__rate_interval])'), '{{instance}}'),
  ])

const memory = () =>
  graph({ title: 'Memory', at: [12, 5, 12, 8], unit: 'bytes' }, [
    promql('A', ours('process_resident_memory_bytes'), '{{instance}}'),
  ])

const heap = () =>
  graph({ title: 'Heap', at: [0, 13, 12, 8], unit: 'bytes' }, [
    promql('A', 'stockpipe_heap_used_bytes', '{{instance}} used'),
    promql('B', 'stockpipe_heap_size_bytes', '{{instance}} size'),
  ])

const loop = () =>
  graph({ title: 'Event loop held up, longest', at: [12, 13, 12, 8], unit: 's' }, [
    promql('A', 'stockpipe_event_loop_lag_seconds', '{{instance}}'),
  ])

const queues = () =>
  graph({ title: 'Entries that wait', at: [0, 21, 12, 8] }, [
    promql('A', 'sum by (instance, queue) (stockpipe_queue_depth)', '{{instance}} {{queue}}'),
  ])

const listeners = () =>
  graph({ title: 'Listeners of live data', at: [12, 21, 12, 8] }, [
    promql('A', 'sum(stockpipe_stream_clients)', 'listeners'),
    promql('B', 'sum(rate(stockpipe_stream_conflated_total[$__rate_interval]))', 'updates merged per second'),
  ])
