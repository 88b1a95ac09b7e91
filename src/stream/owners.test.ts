import { expect, test } from 'bun:test'

import type { Assignment, Broker } from './broker.ts'
import type { ProcessorOptions } from './outlet.ts'
import { type Ending, runOwners } from './owners.ts'

const assignmentOf = (signal: AbortSignal): Assignment => ({
  partition: 0,
  signal,
  committed: null,
  async *batches() {},
  async commit() {},
  [Symbol.dispose]() {},
})

test('a loop that notices late that its partition was taken does not keep the processor from ending with the next one', async () => {
  const [before, now] = [new AbortController(), new AbortController()]
  const endings = [Promise.withResolvers<Ending>(), Promise.withResolvers<Ending>()]
  const drained = AbortSignal.abort()
  const broker = {
    async *join(_topic: string, _group: string, signal: AbortSignal) {
      yield assignmentOf(before.signal)
      before.abort()
      yield assignmentOf(now.signal)
      endings[0]?.resolve('handed-over')
      setImmediate(() => endings[1]?.resolve('drained'))
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  } as unknown as Broker
  const options = { broker, topic: 'market', group: 'group', drained } as ProcessorOptions
  let loops = 0
  await runOwners(options, new AbortController().signal, () => endings[loops++]?.promise ?? Promise.reject(new Error()))
  expect(loops).toBe(2)
})
