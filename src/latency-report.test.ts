import { expect, test } from 'bun:test'

import { manualClock } from './clock.ts'
import { Latencies } from './latency.ts'
import { latencyReport, type ReportFacts } from './latency-report.ts'

const ALL: ReportFacts = { origin: 'live', roles: ['producer', 'processor', 'api'], clocks: [] }
const own = () => new Latencies(manualClock(1_700_000_000_000))
const notes = (latencies: Latencies, facts: Partial<ReportFacts> = {}) => {
  const { hops } = latencyReport(latencies, { ...ALL, ...facts })
  return Object.fromEntries(Object.entries(hops).map(([hop, { note }]) => [hop, note]))
}

test('a hop with samples has figures and no note', () => {
  const latencies = own()
  latencies.add('broker_store', 3, 0)
  expect(latencyReport(latencies, ALL).hops.broker_store).toEqual({ p50_ms: 3, p99_ms: 3, samples: 1, note: null })
})

test('a hop without samples is null and says why', () => {
  expect(latencyReport(own(), ALL).hops.broker_store).toMatchObject({ p50_ms: null, p99_ms: null, samples: 0 })
  expect(notes(own())).toMatchObject({
    exchange_receive: 'no trade was stored in the last 10 s',
    store_serve: 'nobody listens to live data of this api, or there is none',
  })
  const replay = notes(own(), { origin: 'replay' })
  expect([replay['exchange_receive'], replay['receive_broker']]).toEqual(
    Array(2).fill('a replay: it was received when it was recorded'),
  )
  expect(notes(own(), { roles: ['producer'] })['broker_store']).toContain('see the api')
  expect(notes(own(), { roles: ['processor'] })['store_serve']).toContain('see the api')
})

test('an api that no processor tells anything says so', () => {
  const latencies = own()
  latencies.listen()
  expect(notes(latencies)['broker_store']).toBe('no processor has told for 15 s')
})

test("what the producer knows of the feed's clock is told among the clocks", () => {
  const latencies = own()
  expect(latencyReport(latencies, ALL)).toMatchObject({ clock_offset_ms: null, clocks: [] })
  const doubt = { hop: 'exchange_receive', off_ms: 6_000, why: 'because', try: 'this' } as const
  latencies.feedClock = { offset: 6_000, doubt }
  expect(latencyReport(latencies, ALL)).toMatchObject({ clock_offset_ms: 6_000, clocks: [doubt] })
})

test('old trades are no latency, and simulated ones are of no exchange', () => {
  const latencies = own()
  latencies.add('history', 900_000, 0)
  expect(notes(latencies)['exchange_receive']).toContain('history, or a delayed venue')
  latencies.add('exchange_receive', 1, 0)
  expect(notes(latencies, { origin: 'simulated' })['exchange_receive']).toBe('simulated')
  expect(notes(latencies)['exchange_receive']).toBeNull()
})

test('a median below zero is no latency, and says whose fault it is', () => {
  const latencies = own()
  latencies.add('receive_broker', -600, 0)
  const { p50_ms, note } = latencyReport(latencies, ALL).hops.receive_broker
  expect(p50_ms).toBeNull()
  expect(note).toMatch(/^clocks differ by \d+ ms at least/)
})
