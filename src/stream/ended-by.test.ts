import { expect, test } from 'bun:test'

import { endedBy } from './ended-by.ts'

async function* counting(waits: Promise<unknown>, onEnd = () => {}) {
  try {
    yield 1
    yield 2
    await waits
    yield 3
  } finally {
    onEnd()
  }
}
const never = new Promise(() => {})

test('it gives every item, and ends with them', async () => {
  expect(await Array.fromAsync(endedBy(counting(Promise.resolve()), new AbortController().signal))).toEqual([1, 2, 3])
})

test('an abort ends it while it waits for an item', async () => {
  const stop = new AbortController()
  const found: number[] = []
  for await (const item of endedBy(counting(never), stop.signal)) {
    found.push(item)
    if (item === 2) setTimeout(() => stop.abort())
  }
  expect(found).toEqual([1, 2])
})

test('once aborted it asks for nothing more, and what it read from is closed', async () => {
  const stop = new AbortController()
  let isClosed = false
  const found: number[] = []
  for await (const item of endedBy(
    counting(never, () => (isClosed = true)),
    stop.signal,
  )) {
    found.push(item)
    stop.abort()
  }
  await Promise.resolve()
  expect([found, isClosed]).toEqual([[1], true])
})

test('an error of what it reads from is thrown', async () => {
  const failing = counting(Promise.reject(new Error('away')))
  expect(Array.fromAsync(endedBy(failing, new AbortController().signal))).rejects.toThrow('away')
})
