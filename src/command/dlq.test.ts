import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openDataDir } from '../data-dir.ts'
import { systemClock } from '../clock.ts'
import { encodeValue } from '../stream/codec.ts'
import type { Entry } from '../trade.ts'
import { runStockpipe } from './stockpipe.fixture.ts'
import { copyOf, replay, type Spoilt } from './verify.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'stockpipe-dlq-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const T = Date.UTC(2026, 2, 2, 14, 30)
const RECORDING = join(folder, 'day.ndjson')
const DATA = join(folder, 'data')
const FOREIGN = join(folder, 'foreign')
const entry = (s: string, p: number, t = T): Entry => ({ c: null, p, s, t, v: 2 })

beforeAll(async () => {
  const frames = [
    { type: 'trade', data: [entry('A', 10), entry('A', -1, T + 1), entry('B', 20, T + 2)] },
    { type: 'trade' },
  ]
  writeFileSync(RECORDING, frames.map((frame) => `${JSON.stringify(frame)}\n`).join(''))
  await replay(RECORDING, DATA)
  using spoilt = copyOf(DATA)
  await addForeign(spoilt)
  cpSync(spoilt.data, FOREIGN, { recursive: true })
}, 30_000)

/** Records of another producer: one with a broken header, one that is no Avro, and one of which one entry is bad. */
async function addForeign(spoilt: Spoilt): Promise<void> {
  const record = (value: Uint8Array, headers = {}) => ({ key: 'Z', value, headers })
  await spoilt.append('market', [
    record(encodeValue([entry('Z', 30)], 'raw'), { skew: 'x', received: String(T) }),
    record(Buffer.from('no Avro')),
    record(encodeValue([entry('Z', 31), entry('Z', -1)], 'raw')),
  ])
  await replay(RECORDING, spoilt.data)
}

const dlq = async (spoilt: Spoilt, ...words: string[]) =>
  runStockpipe(['dlq', ...words, '--data-dir', spoilt.data], { cwd: folder })
const lines = (text: string) => text.split('\n').filter(Boolean)
const count = (spoilt: Spoilt) => spoilt.log('UPDATE records SET ts = ts')

test('letters are listed with their number, origin and what is wrong, and shown whole', async () => {
  using spoilt = copyOf(FOREIGN)
  const { code, out } = await dlq(spoilt, 'list')
  expect(code).toBe(0)
  expect(lines(out).map((line) => line.split(/ {2,}/)[2])).toEqual(['feed', 'feed', 'market', 'market', 'market'])
  expect(out).toContain('entry 1: price')
  expect(out).toContain('header skew is not a whole number')
  const listed = JSON.parse((await dlq(spoilt, 'list', '--json')).out) as {
    id: string
    origin: string
    value?: string
  }[]
  const { id, value } = listed.find(({ value }) => value === 'no Avro') ?? { id: '' }
  expect(value).toBe('no Avro')
  const shown = await dlq(spoilt, 'show', '--id', id)
  expect(shown.out).toContain('value: no Avro\n')
  expect(shown.out).toContain('  topic: market\n')
  const missing = await dlq(spoilt, 'show', '--id', '0:999')
  expect([missing.code, missing.err.split('\n')[0]]).toEqual([1, 'error: there is no letter 0:999'])
})

test('the newest letters are listed where there are more than the limit', async () => {
  using spoilt = copyOf(FOREIGN)
  const all = lines((await dlq(spoilt, 'list')).out)
  expect(lines((await dlq(spoilt, 'list', '--limit', '2')).out)).toEqual(all.slice(-2))
})

test('a dry run says what would be done and changes nothing', async () => {
  using spoilt = copyOf(FOREIGN)
  const before = count(spoilt)
  const { code, out } = await dlq(spoilt, 'replay', '--all', '--dry-run')
  expect(code).toBe(1)
  expect(lines(out).filter((line) => line.endsWith('1 trade to the log'))).toHaveLength(1)
  expect(lines(out).filter((line) => line.includes('still unreadable'))).toHaveLength(4)
  expect(out).toEndWith('nothing was changed\n')
  expect(count(spoilt)).toBe(before)
})

test('nothing is replayed without a yes', async () => {
  using spoilt = copyOf(FOREIGN)
  const before = count(spoilt)
  const { code, err } = await dlq(spoilt, 'replay', '--all')
  expect([code, err.includes('--yes')]).toEqual([2, true])
  expect((await dlq(spoilt, 'replay', '--yes')).code).toBe(2)
  expect(count(spoilt)).toBe(before)
})

test('what can be read is stored once, however often it is replayed; what cannot is a letter again, listed once', async () => {
  using spoilt = copyOf(FOREIGN)
  const before = count(spoilt)
  const first = await dlq(spoilt, 'replay', '--all', '--yes')
  expect([first.code, first.err]).toEqual([1, ''])
  expect(first.out).not.toContain('nothing was changed')
  // One record to the topic, four letters again.
  expect(count(spoilt)).toBe(before + 5)
  const second = await dlq(spoilt, 'replay', '--all', '--yes', '--json')
  const { letters } = JSON.parse(second.out) as { letters: { what: string }[] }
  expect(letters.map(({ what }) => what).sort()).toEqual(['already', ...Array.from({ length: 4 }, () => 'unreadable')])
  expect(lines((await dlq(spoilt, 'list')).out)).toHaveLength(5)
  const [id = ''] = lines((await dlq(spoilt, 'list')).out)[0]?.split(' ') ?? []
  const one = await dlq(spoilt, 'replay', '--id', id, '--yes', '--json')
  expect(JSON.parse(one.out)).toMatchObject({ letters: [{ id }] })
  await replay(RECORDING, spoilt.data)
  expect(spoilt.store(`UPDATE trades SET price = price WHERE symbol = 'Z'`)).toBe(2)
  expect(await spoilt.verify()).toMatchObject({ code: 0, found: [] })
})

test('of a frame only that is replayed which the log does not hold', async () => {
  using spoilt = copyOf(DATA)
  // As if the rules had changed meanwhile.
  expect(
    spoilt.log(
      `UPDATE records SET value = CAST(replace(value, '"p":-1', '"p":11') AS BLOB) WHERE value LIKE '%"p":-1%'`,
    ),
  ).toBe(1)
  const { out } = await dlq(spoilt, 'replay', '--all', '--yes')
  expect(lines(out).filter((line) => line.endsWith('  1 trade to the log'))).toHaveLength(1)
  await replay(RECORDING, spoilt.data)
  expect(spoilt.store(`UPDATE trades SET price = price WHERE symbol = 'A'`)).toBe(2)
  expect(spoilt.store(`UPDATE trades SET price = price WHERE symbol = 'B'`)).toBe(1)
  expect(await spoilt.verify()).toMatchObject({ code: 0, found: [] })
})

test('the log of a pipeline that runs can be listed, and is not written', async () => {
  using spoilt = copyOf(FOREIGN)
  using _owner = openDataDir({ path: spoilt.data, origin: 'replay', clock: systemClock })
  expect((await dlq(spoilt, 'list')).code).toBe(0)
  const { code, err } = await dlq(spoilt, 'replay', '--all', '--yes')
  expect([code, err.includes('is in use by another stockpipe')]).toEqual([2, true])
})
