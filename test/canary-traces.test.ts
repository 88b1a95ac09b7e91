import { expect, test } from 'bun:test'

import { CANARY, canary, handOn, traces } from './canary.ts'

test.each([
  ['as it is', canary('api')],
  ['a part of it', CANARY.slice(5, 13)],
  ['in base64', btoa(CANARY)],
  ['in base64 behind a name', btoa(`user:${CANARY}`)],
  ['in base64 of the middle', btoa(`to:${CANARY}:x`).slice(8, 18)],
  ['in hex', Buffer.from(CANARY).toString('hex')],
  ['in a URL', `wss://host?token=${encodeURIComponent(`${CANARY}"`)}`],
])('%#: the canary is found %s', (...[how, text]) => {
  expect([how, traces(`before ${text} after`)]).toEqual([how, [expect.any(String)]])
})

test('what is printed about it does not show it', () => {
  for (const text of [canary('api'), `${CANARY}${CANARY}`, btoa(`:${CANARY}`)])
    expect(traces(traces(`it is ${text}!`).join())).toEqual([])
})

test('a shorter part is any text', () => {
  expect(traces(`${CANARY.slice(0, 7)} ${CANARY.slice(-7)} and all the rest`)).toEqual([])
})

test('what tests print is handed on as it is, and a canary in two pieces is found', async () => {
  async function* pieces() {
    for (const piece of ['one ', CANARY.slice(0, 9), `${CANARY.slice(9)} two`]) yield Buffer.from(piece)
  }
  let written = ''
  const found = await handOn(pieces(), { write: (chunk: string | Uint8Array) => (written += String(chunk)) !== '' })
  expect(written).toBe(`one ${CANARY} two`)
  expect(found.length).toBeGreaterThan(0)
})
