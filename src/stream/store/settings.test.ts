import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openEmbeddedStore } from './embedded.ts'
import { settleStore } from './settings.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import { noRows } from '../store.ts'

const root = mkdtempSync(join(tmpdir(), 'stockpipe-settings-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let files = 0
const newPath = (): string => join(root, `${++files}.db`)
/** Each store is made at a time of its own. */
const clock: Clock = { ...systemClock, now: () => 1_000 + files++ }

const settle = (path: string, settings: string, isLogWhole = true) =>
  settleStore({ path, clock, log: silentLog, settings, isLogWhole })
const open = (path: string) =>
  openEmbeddedStore({ path, clock, log: silentLog, retention: { tradesMs: null, candlesMs: null } })

async function filled(path: string): Promise<string> {
  settle(path, '--window 15s')
  await using store = await open(path)
  const latest = { symbol: 'A', price: 1, volume: 1, trade_ts: 1, received_ts: 1, stamp: 1_000 }
  const day = { day_open: null, change: null, change_percent: null }
  await store.write({ ...noRows(), latest: [{ ...latest, ...day }] })
  return store.id()
}

test('by the same settings a store keeps its rows and its id', async () => {
  const path = newPath()
  const id = await filled(path)
  settle(path, '--window 15s', false)
  await using store = await open(path)
  expect([await store.id(), await store.symbols()]).toEqual([id, ['A']])
})

test('by other settings it is made anew, and has another id', async () => {
  const path = newPath()
  const id = await filled(path)
  settle(path, '--window 30s')
  await using store = await open(path)
  expect(await store.symbols()).toEqual([])
  expect(await store.id()).not.toBe(id)
})

test('other settings are refused when the log cannot fill it again, and nothing is touched', async () => {
  const path = newPath()
  const id = await filled(path)
  expect(() => settle(path, '--window 30s', false)).toThrow('made by other settings')
  await using store = await open(path)
  expect([await store.id(), await store.symbols()]).toEqual([id, ['A']])
})
