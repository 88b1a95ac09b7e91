import { expect, test } from 'bun:test'

import { Sessions } from './sessions.ts'

const HOUR = 3_600_000
const mark = (session: string, seq: number, hours = 0, k = 0) => ({ session, seq, k, timestamp: hours * HOUR })
const names = (sessions: Sessions, low: number, hours: number): string[] =>
  sessions.asOf(low, hours * HOUR).map(({ session, seq }) => `${session} ${seq}`)

test('what comes again under its name is not admitted, whatever is between', () => {
  const sessions = new Sessions()
  expect([mark('a', 1), mark('a', 1, 0, 1), mark('b', 1), mark('a', 2)].map((m, at) => sessions.admit(at, m))).toEqual([
    true,
    true,
    true,
    true,
  ])
  expect([mark('a', 1), mark('a', 2), mark('b', 1)].map((m, at) => sessions.admit(4 + at, m))).toEqual([
    false,
    false,
    false,
  ])
})

test('a commit tells the newest frames before L, not those that are read again', () => {
  const sessions = new Sessions()
  for (let seq = 0; seq < 5; seq++) sessions.admit(seq, mark('a', seq))
  expect(names(sessions, 0, 0)).toEqual([])
  expect(names(sessions, 3, 0)).toEqual(['a 2'])
  expect(new Sessions(sessions.asOf(3, 0)).admit(3, mark('a', 3))).toBe(true)
})

test('a session whose newest record is more than a day older than the last processed one is forgotten', () => {
  const sessions = new Sessions()
  sessions.admit(0, mark('old', 1, 0))
  sessions.admit(1, mark('kept', 1, 1))
  sessions.admit(2, mark('new', 1, 24.5))
  expect(names(sessions, 3, 24.5)).toEqual(['kept 1', 'new 1'])
  expect(sessions.admit(3, mark('kept', 1, 24.5))).toBe(false)
})

test('a session that was forgotten while its records were still needed does not come back with them', () => {
  const sessions = new Sessions()
  sessions.admit(0, mark('old', 1, 0))
  sessions.admit(1, mark('new', 1, 25))
  expect(names(sessions, 0, 25)).toEqual([])
  expect(names(sessions, 2, 25)).toEqual(['new 1'])
})
