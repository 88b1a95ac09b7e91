import { expect, test } from 'bun:test'

import type { DrainResult } from './drain.ts'
import type { PacedResult } from './paced.ts'
import { pipelineReport } from './pipeline-report.ts'
import type { Side } from './side.ts'

const machine = { cores: 2, load: [1.5, 1, 0.5] }
const measured = { seconds: 20, settings: { partitions: 12 } }

const paced = (side: Side, p50: number, more: Partial<PacedResult> = {}): PacedResult => ({
  side,
  rate: 1_000,
  per_record: 1,
  appended_per_second: 999,
  load_behind_ms: 3,
  latency_ms: { p50, p90: 2 * p50, p99: 4 * p50, max: 5 * p50 },
  probes: 200,
  unreadable: 0,
  cpu_seconds: p50 / 2,
  measured_seconds: 20,
  max_rss_bytes: 94e6,
  trades: 23_000,
  rows: 23_000,
  ...more,
})

const drained = (side: Side, rate: number): DrainResult => ({
  side,
  trades: 300_000,
  seconds: 300_000 / rate,
  trades_per_second: rate,
  first_row_seconds: 1,
  cpu_seconds: 4,
  max_rss_bytes: 150e6,
  rows: 300_000,
})

const report = (results: { paced?: PacedResult[]; drained?: DrainResult[] }) =>
  pipelineReport(measured, { before: machine, after: machine, paced: [], drained: [], ...results })

test('both sides stand side by side, with the ratio of ours to the relay', () => {
  const { text, json } = report({
    paced: [paced('relay', 4), paced('stockpipe', 6)],
    drained: [drained('relay', 20_000), drained('stockpipe', 25_000)],
  })
  expect(json['ratios']).toEqual({ paced: [{ rate: 1_000, p50: 1.5, p99: 1.5, cpu: 1.5 }], highest: 1.25 })
  expect(text).toMatch(/1,000 +stockpipe : relay +1\.50x/)
  expect(text).toContain('2 cores, load 1.50 1.00 0.50')
  expect(text).toMatch(/stockpipe : relay +1\.25x/)
  expect(text).not.toContain('rows in the table')
})

test('of one side alone there is no ratio', () => {
  const { json, text } = report({ paced: [paced('relay', 4)], drained: [drained('relay', 20_000)] })
  expect(json['ratios']).toEqual({ paced: [], highest: null })
  expect(text).not.toContain('stockpipe')
})

test('what makes a figure doubtful is said: lost rows, probes without an answer, a load that could not keep up', () => {
  const { text } = report({
    paced: [paced('relay', 4, { rows: 22_999, unreadable: 2, appended_per_second: 500, load_behind_ms: 1_500 })],
  })
  expect(text).toContain('relay: 23,000 trades appended, 22,999 rows in the table')
  expect(text).toContain('relay at 1,000: 2 of 200 probes never became readable')
  expect(text).toContain('relay at 1,000: the load fell up to 1.5 s behind')
  expect(text).toContain('relay at 1,000: the load reached only 500 trades/s')
})
