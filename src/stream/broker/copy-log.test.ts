import { afterAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { manualClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import type { Commit } from '../broker.ts'
import { damageOf } from '../sqlite.ts'
import { commitRows, copyLog } from './copy-log.ts'
import { type EmbeddedBroker, openEmbeddedBroker } from './embedded.ts'

const folder = mkdtempSync(join(tmpdir(), 'stockpipe-copy-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const open = (path: string, clock = manualClock(1)) => openEmbeddedBroker({ path, clock, log: silentLog })

async function commit(broker: EmbeddedBroker, { offset, metadata }: Commit): Promise<void> {
  const done = new AbortController()
  for await (const assignment of broker.join('t', 'g', done.signal)) {
    await assignment.commit(offset, metadata)
    done.abort()
  }
}

const append = (broker: EmbeddedBroker, seq: number) =>
  broker.append('t', [{ key: 'A', value: Buffer.from([seq]), headers: { session: 's', seq: String(seq), k: '0' } }])

test('a copy has the commits that were read before, and the records of now, also while the log is open for writing', async () => {
  const [path, target] = [join(folder, 'log.db'), join(folder, 'copy.db')]
  await using broker = await open(path)
  await broker.createTopic({ name: 't', partitions: 1 })
  await append(broker, 1)
  await commit(broker, { offset: 1, metadata: 'before' })
  const commits = commitRows(path)
  await append(broker, 2)
  await commit(broker, { offset: 2, metadata: 'later' })
  copyLog(path, target, { commits, group: 'g' })

  expect(damageOf(target)).toBeNull()
  await using copy = await open(target)
  expect(await copy.bounds('t')).toEqual([{ start: 0, end: 2 }])
  expect(await copy.commits('t', 'g')).toEqual([{ offset: 1, metadata: 'before' }])
  expect(await broker.commits('t', 'g')).toEqual([{ offset: 2, metadata: 'later' }])
  // It goes on as a log of its own: what it holds it knows, and offsets go on.
  expect(await append(copy, 2)).toEqual([{ partition: 0, offset: 1, duplicate: true }])
  expect(await append(copy, 3)).toEqual([{ partition: 0, offset: 2, duplicate: false }])
})

test('a log whose retention passes what its group would go on from while it is copied is refused, and one that stands is not', async () => {
  const path = join(folder, 'short.db')
  const clock = manualClock(1)
  await using broker = await open(path, clock)
  await broker.createTopic({ name: 't', partitions: 1, retentionMs: 1_000 })
  const copied = (name: string, commits: ReturnType<typeof commitRows>, group = 'g') => {
    copyLog(path, join(folder, name), { commits, group })
    return name
  }
  await append(broker, 1)
  await append(broker, 2)
  await commit(broker, { offset: 1, metadata: '' })
  const behind = commitRows(path)
  await commit(broker, { offset: 2, metadata: '' })
  const ahead = commitRows(path)
  clock.advance(120_000)
  await append(broker, 3)
  expect(await broker.bounds('t')).toEqual([{ start: 2, end: 3 }])

  expect(() => copied('behind.db', behind)).toThrow(
    expect.objectContaining({
      code: 'log-changed',
      why: expect.stringContaining('from offset 1 of a partition, and its log begins at 2'),
      hint: expect.stringContaining('--retention-log-size'),
    }),
  )
  expect(copied('ahead.db', ahead)).toBe('ahead.db')
  expect(copied('other.db', behind, 'another')).toBe('other.db')
  // Of a pipeline that stands: no later copy would be another one.
  await commit(broker, { offset: 1, metadata: '' })
  expect(copied('stands.db', commitRows(path))).toBe('stands.db')
})

test('a copy of nothing, or over something, is refused, and makes nothing', async () => {
  const target = join(folder, 'none.db')
  expect(() => copyLog(join(folder, 'absent.db'), target, { commits: [], group: 'g' })).toThrow('there is no data at')
  expect(existsSync(target)).toBe(false)
  const path = join(folder, 'whole.db')
  await using _ = await open(path)
  writeFileSync(target, 'something')
  expect(() => copyLog(path, target, { commits: [], group: 'g' })).toThrow()
  expect(await Bun.file(target).text()).toBe('something')
})

test('a file that is no database, or a torn one, is told from a whole one', async () => {
  const [path, torn] = [join(folder, 'to-tear.db'), join(folder, 'torn.db')]
  {
    await using broker = await open(path)
    await broker.createTopic({ name: 't', partitions: 1 })
    for (let seq = 0; seq < 200; seq++) await append(broker, seq)
  }
  expect(damageOf(path)).toBeNull()
  const bytes = Buffer.from(await Bun.file(path).arrayBuffer())
  writeFileSync(torn, bytes.subarray(0, bytes.length / 2))
  expect(damageOf(torn)).not.toBeNull()
  writeFileSync(torn, 'not a database, but long enough to look like one')
  expect(damageOf(torn)).not.toBeNull()
})
