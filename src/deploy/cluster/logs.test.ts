import { expect, test } from 'bun:test'

import { LogPlace } from '../log-place.ts'
import { readLog } from './logs.ts'

const AT = '2026-01-01T00:00:0'

/** What is read of one log whose answers end, as if they were whole, with these texts. */
async function read(answers: readonly string[], { follow }: { follow: boolean }): Promise<string[]> {
  const log = { namespace: 'pipeline', pod: 'p', container: 'c', tail: null, follow, place: new LogPlace() }
  const lines: string[] = []
  for (const answer of answers) {
    const connection = { send: () => Promise.resolve(new Response(answer)) }
    lines.push(...(await Array.fromAsync(readLog(connection, log, new AbortController().signal))))
  }
  return lines
}

test.each([
  ['its text', `${AT}2Z the second li`],
  ['its time', AT],
])('a line of a followed log that is torn in %s is read when it comes again, whole', async (_where, torn) => {
  const answers = [`${AT}1Z the first\n${torn}`, `${AT}1Z the first\n${AT}2Z the second line\n${AT}3Z the third\n`]
  expect(await read(answers, { follow: true })).toEqual(['the first', 'the second line', 'the third'])
})

test('the last line of a log that is not followed need not end, and neither need what a node says in its place', async () => {
  const answers = [`${AT}1Z the first\n${AT}2Z the last`]
  expect(await read(answers, { follow: false })).toEqual(['the first', 'the last'])
  expect(await read(['unable to retrieve container logs'], { follow: true })).toEqual([
    'unable to retrieve container logs',
  ])
})
