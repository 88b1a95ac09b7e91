import { expect, test } from 'bun:test'

import { LogPlace } from './log-place.ts'

/** What is read of these lines, as one answer. */
function read(place: LogPlace, lines: readonly string[]): (string | null)[] {
  place.begin()
  return lines.map((line) => place.take(line)).filter((line) => line !== null)
}

const AT = '2026-01-01T00:00:0'

test('lines of the same moment are told apart by how many there were', () => {
  const place = new LogPlace()
  const same = (text: string) => `${AT}1.5Z ${text}`
  expect(read(place, [same('tick'), same('tick')])).toEqual(['tick', 'tick'])
  expect(place.since).toBe('2026-01-01T00:00:01Z')
  expect(read(place, [same('tick'), same('tick'), same('tick'), same('tock')])).toEqual(['tick', 'tock'])
  expect(read(place, [same('tick'), same('tick'), same('tick'), same('tock')])).toEqual([])
})

test('two outputs that are written down in the wrong order are both read', () => {
  const place = new LogPlace()
  expect(read(place, [`${AT}1.900Z out`])).toEqual(['out'])
  expect(read(place, [`${AT}1.900Z out`, `${AT}1.800Z error`])).toEqual(['error'])
})

test('only the newest second is asked for again, in whatever zone the node writes', () => {
  const place = new LogPlace()
  const lines = [`${AT}1Z one`, '2026-01-01T02:00:03.000000001+02:00  two', `${AT}2Z three`]
  expect(read(place, lines)).toEqual(['one', ' two', 'three'])
  expect(place.since).toBe('2026-01-01T00:00:03Z')
})

test('a line without a time, which a node says in place of a log, is no place in it', () => {
  const place = new LogPlace()
  expect(read(place, ['unable to retrieve container logs'])).toEqual(['unable to retrieve container logs'])
  expect(place.since).toBeNull()
})

test('where nothing was wanted of before, it is read on from then', () => {
  const place = new LogPlace()
  place.skipUntil(NaN)
  expect(place.since).toBeNull()
  place.skipUntil(Date.parse(`${AT}5.700Z`))
  expect(place.since).toBe('2026-01-01T00:00:05Z')
  expect(read(place, [`${AT}6Z new`])).toEqual(['new'])
  expect(place.since).toBe('2026-01-01T00:00:06Z')
})
