import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import { candleRow, entry, HOUR, readAll, rows, tradeBatch } from '../store.contract-rows.ts'
import { testStore } from '../store.contract.ts'
import { openEmbeddedStore } from './embedded.ts'
import { openThreadedStore } from './threaded.ts'

const retention = { tradesMs: 7 * 86_400_000, candlesMs: null }

function temporary() {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-store-'))
  const options = { path: join(folder, 'store.db'), clock: systemClock, log: silentLog, retention }
  return { options, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

testStore('the embedded store with a thread of its own', async () => {
  const { options, remove } = temporary()
  const store = await openThreadedStore(options)
  return {
    store,
    reopen: () => openEmbeddedStore({ ...options, readonly: true }),
    async close() {
      await store[Symbol.asyncDispose]()
      remove()
    },
  }
})

test('what the other thread refuses is the same error here', async () => {
  const { options, remove } = temporary()
  await Bun.write(options.path, 'no database, whatever its name says. '.repeat(100))
  const refusal = await openThreadedStore(options).catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'corrupt', retryable: false })
  remove()
})

test('writes that are under way when it is closed are finished first', async () => {
  const { options, remove } = temporary()
  const store = await openThreadedStore(options)
  const writes = Array.from({ length: 20 }, (_, offset) =>
    store.write(
      rows({
        trades: [tradeBatch('S', [entry(HOUR)], { offset })],
        candles: [candleRow('S', { interval: '1m', open: HOUR })],
      }),
    ),
  )
  await store[Symbol.asyncDispose]()
  await Promise.all(writes)
  expect(await store.write(rows({})).catch((error: unknown) => error)).toMatchObject({ code: 'internal' })
  await using again = await openEmbeddedStore({ ...options, readonly: true })
  expect(await readAll(again, 'trades', {})).toHaveLength(20)
  remove()
})
