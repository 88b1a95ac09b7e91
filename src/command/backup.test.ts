import { afterAll, beforeAll, expect, spyOn, test } from 'bun:test'
import * as fs from 'node:fs'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

import { describeFile, type Manifest, MANIFEST } from './backup/manifest.ts'
import { putBack } from './backup/put-back.ts'
import { takeBackup } from './backup/take.ts'
import { runStockpipe } from './stockpipe.fixture.ts'
import { systemClock } from '../clock.ts'
import { readSettings } from '../config.ts'
import { openDataDir } from '../data-dir.ts'
import { StockpipeError } from '../errors.ts'

const cwd = mkdtempSync(join(tmpdir(), 'stockpipe-backup-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const stockpipe = (...words: string[]) => runStockpipe(words, { cwd })
const replay = ['--replay-file', 'day.ndjson', '--replay-speed', 'max', '--exit-at-end', '--listen', '127.0.0.1:0']
const trade = (index: number) => ({ c: [], p: 10 + index, s: 'A', t: Date.UTC(2026, 2, 2) + 1_000 * index, v: 2 })
const path = (...names: string[]) => join(cwd, ...names)

beforeAll(async () => {
  const frames = Array.from({ length: 120 }, (_, index) => JSON.stringify({ type: 'trade', data: [trade(index)] }))
  writeFileSync(path('day.ndjson'), frames.join('\n'))
  for (const words of [
    ['run', ...replay],
    ['backup', 'whole'],
  ]) {
    const { code, err } = await stockpipe(...words)
    if (code !== 0) throw new Error(err)
  }
})

const settings = (flags: Record<string, string> = {}) =>
  readSettings({ command: 'backup', flags: { 'data-dir': path('stockpipe-data'), ...flags }, env: {}, cwd }).loaded
    .settings
const into = (name: string, flags: Record<string, string> = {}) => settings({ 'data-dir': path(name), ...flags })
/** A copy of the backup, to be damaged. */
function another(name: string): string {
  cpSync(path('whole'), path(name), { recursive: true })
  return path(name)
}
async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((thrown: unknown) => thrown)
  if (!(error instanceof StockpipeError)) throw new Error(`it was not refused: ${String(error)}`)
  return `${error.code}: ${error.message} ${error.why ?? ''}`
}
const unfinished = () => readdirSync(cwd, { recursive: true }).filter((name) => String(name).includes('unfinished'))

test('a backup is told in words and as JSON, can be read as a data folder, and comes back with how far the replay was', async () => {
  const asJson = await stockpipe('backup', 'as-json', '--json')
  expect(JSON.parse(asJson.out)).toMatchObject({ origin: 'replay', files: { 'log.db': {}, 'store.db': {} } })
  const restored = await stockpipe('restore', 'whole', '--data-dir', 'back')
  expect([restored.code, restored.out]).toEqual([
    0,
    expect.stringMatching(/^replay data as of .* MB, by stockpipe .*\nput into .*back.replay\n$/),
  ])
  expect((await stockpipe('run', ...replay, '--data-dir', 'back')).code).toBe(0)
  const of = async (folder: string) => (await stockpipe('export', 'trades', '--data-dir', folder)).out
  const trades = await of('stockpipe-data')
  expect(trades.trim().split('\n')).toHaveLength(120)
  expect([await of('whole'), await of('back')]).toEqual([trades, trades])
})

test('nothing is copied over anything, and what fails leaves nothing', async () => {
  mkdirSync(path('filled'))
  writeFileSync(path('filled', 'thesis.tex'), '')
  expect(await refusal(takeBackup(settings(), path('filled')))).toContain('filled is not empty')
  expect(await refusal(takeBackup(settings(), path('day.ndjson')))).toContain('day.ndjson is a file')
  expect(await refusal(takeBackup(settings(), path('whole')))).toContain('whole is not empty')
  expect(await refusal(takeBackup(into('absent'), path('none')))).toContain('there is no stockpipe data')
  cpSync(path('stockpipe-data'), path('half'), { recursive: true })
  rmSync(path('half', 'replay', 'store.db'))
  expect(await refusal(takeBackup(into('half'), path('none')))).toContain('there is no data at')
  expect([readdirSync(cwd).includes('none'), unfinished()]).toEqual([false, []])
  mkdirSync(path('empty'))
  expect((await takeBackup(settings(), path('empty'))).folder).toBe(path('empty'))
})

// Windows has other links, mounts and rights.
test.skipIf(process.platform === 'win32')(
  'what cannot be replaced by a whole folder is told before it is filled',
  async () => {
    mkdirSync(path('large'))
    symlinkSync(path('large'), path('link'))
    expect(await refusal(takeBackup(settings(), path('link')))).toContain('link is a link')
    symlinkSync(path('nowhere'), path('dangling'))
    expect(await refusal(takeBackup(settings(), path('dangling')))).toContain('dangling is a link')
    expect(await refusal(takeBackup(settings(), '/dev'))).toContain('data-dir: a disk is mounted at /dev')
    expect(await refusal(takeBackup(settings(), path('day.ndjson', 'x')))).toContain('cannot make a folder in')
    expect(unfinished()).toEqual([])
  },
)

test.skipIf(process.platform === 'win32')(
  'a folder of an origin that is a link stays one, and an empty one keeps its mode',
  async () => {
    openDataDir({ path: path('linked'), origin: 'live', clock: systemClock })[Symbol.dispose]()
    mkdirSync(path('disk', 'replay'), { recursive: true })
    symlinkSync(path('disk', 'replay'), path('linked', 'replay'))
    expect((await putBack(into('linked'), path('whole'))).folder).toBe(path('linked', 'replay'))
    expect(lstatSync(path('linked', 'replay')).isSymbolicLink()).toBe(true)
    expect(readdirSync(path('disk', 'replay'))).toContain('store.db')
    mkdirSync(path('open'))
    chmodSync(path('open'), 0o750)
    await takeBackup(settings(), path('open'))
    expect(statSync(path('open')).mode & 0o777).toBe(0o750)
  },
)

// /proc tells which file a descriptor is of.
test.skipIf(process.platform !== 'linux')(
  'the names of the files are on the disk before the manifest says that all is',
  async () => {
    using spy = spyOn(fs, 'fsyncSync')
    const synced: string[] = []
    spy.mockImplementation((file) => void synced.push(basename(readlinkSync(`/proc/self/fd/${file}`))))
    await takeBackup(settings(), path('synced'))
    expect(synced.filter((name) => ['store.db', 'log.db', 'replay', MANIFEST].includes(name))).toEqual([
      'store.db',
      'log.db',
      'replay',
      MANIFEST,
    ])
  },
)

test('a backup of servers is refused with what keeps those safe', async () => {
  const { code, err } = await stockpipe('backup', 'servers', '--kafka-brokers', 'kafka:9092')
  expect([code, err]).toEqual([2, expect.stringContaining('here the log is in Kafka; docs/operations.md')])
  expect((await stockpipe('backup')).err).toContain('backup needs a folder')
})

test('a backup that is not as it was taken is refused, and the folder stays free for one that is', async () => {
  const store = (folder: string) => join(folder, 'replay', 'store.db')
  const refused = (folder: string) => refusal(putBack(into('target'), folder))
  expect(await refused(path('day.ndjson'))).toContain('not-found: there is no backup')
  expect(await refused(path('stockpipe-data'))).toContain('it has no backup.json, which is written last')
  const longer = another('longer')
  appendFileSync(store(longer), 'x')
  expect(await refused(longer)).toMatch(/corrupt: .*store\.db is not as it was taken it has \d+ bytes/)
  const changed = another('changed')
  const bytes = Buffer.from(await Bun.file(store(changed)).arrayBuffer())
  bytes.writeUInt8(bytes.readUInt8(5_000) ^ 1, 5_000)
  writeFileSync(store(changed), bytes)
  expect(await refused(changed)).toContain('its content has changed')
  const manifest = JSON.parse(await Bun.file(join(changed, MANIFEST)).text()) as Manifest
  writeFileSync(store(changed), bytes.subarray(0, 20_000))
  const files = { ...manifest.files, 'store.db': await describeFile(store(changed)) }
  writeFileSync(join(changed, MANIFEST), JSON.stringify({ ...manifest, files }))
  expect(await refused(changed)).toMatch(/store\.db is not as it was taken .*(malformed|disk image|Tree)/)
  writeFileSync(join(changed, MANIFEST), JSON.stringify({ ...manifest, format: 2 }))
  expect(await refused(changed)).toContain('its format is 2, this version knows 1')
  writeFileSync(join(changed, MANIFEST), '{')
  expect(await refused(changed)).toContain('backup.json is damaged')
  const torn = another('torn')
  rmSync(join(torn, 'replay', 'log.db'))
  expect(await refused(torn)).toContain('it is missing')
  expect(unfinished()).toEqual([])
  expect((await putBack(into('target'), path('whole'))).folder).toBe(path('target', 'replay'))
})

test('nothing is restored over data, beside a pipeline that runs, or under the name of another origin', async () => {
  expect(await refusal(putBack(settings(), path('whole')))).toContain('replay holds data already')
  expect(await refusal(putBack(into('fresh', { origin: 'live' }), path('whole')))).toContain(
    'it is a backup of replay data',
  )
  using _ = openDataDir({ path: path('running'), origin: 'live', clock: systemClock })
  expect(await refusal(putBack(into('running'), path('whole')))).toStartWith('in-use: ')
})
