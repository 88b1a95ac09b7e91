import { afterAll, expect, test } from 'bun:test'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { exported, replayArgs, stockpipe, temporaryFolder } from './binary.ts'
import { contentOf, expectVerified, writeRecording } from './faults/folder.ts'
import { differencesFromLog } from './recomputed.ts'
import { readiness, running, until } from './running.ts'
import { smallDisk } from './small-disk.ts'

/** Only a failing test waits as long. */
const LIMIT_MS = 120_000

const FOLDER = temporaryFolder()
afterAll(() => FOLDER[Symbol.dispose]())
const RECORDING = join(FOLDER.path, 'recording.ndjson')
writeRecording(RECORDING, { frames: 3_000 })

const undisturbed = (async () => {
  const folder = join(FOLDER.path, 'undisturbed')
  expect((await stockpipe(replayArgs(RECORDING, folder))).code).toBe(0)
  return { folder, content: await contentOf(folder) }
})()

const memoryOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

test.concurrent.each(['600k', '1500k', '2500k'])(
  'a disk of %s that is full in mid-replay is waited for, said once, and then nothing is missing',
  async (size) => {
    using disk = smallDisk(size)
    if (disk === null) return
    const { content } = await undisturbed
    await using run = running(replayArgs(RECORDING, disk.path))
    const { text } = await until(
      async () => readiness(await run.url()),
      ({ status }) => status === 503,
    )
    expect(text).toContain('full')
    await Bun.sleep(500)
    expect(run.child.exitCode).toBeNull()
    expect(run.named('log.retrying').length + run.named('store.retrying').length).toBeLessThanOrEqual(4)
    expect(memoryOf(run.child.pid)).toBeLessThan(400_000_000)
    disk.grow()
    expect(await run.child.exited).toBe(0)
    expect(await contentOf(disk.path)).toEqual(content)
    await expectVerified(disk.path)
  },
  LIMIT_MS,
)

test.concurrent(
  'a disk that is full at the start is said, and the same command works once there is space',
  async () => {
    using disk = smallDisk('160k')
    if (disk === null) return
    const { content } = await undisturbed
    const refused = await stockpipe(replayArgs(RECORDING, disk.path))
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/^error: the disk that holds .* is full\n.*\n {2}try: free some space on it\n$/)
    disk.grow()
    expect((await stockpipe(replayArgs(RECORDING, disk.path))).code).toBe(0)
    expect(await contentOf(disk.path)).toEqual(content)
  },
  LIMIT_MS,
)

const LIVE = ['--listen', '127.0.0.1:0', '--symbols', 'BINANCE:BTCUSDT,AAPL']

/** A simulated market in a process of its own, and the pipeline that listens to it. */
async function market(...switches: string[]) {
  const simulator = running(['simulate', ...LIVE, ...switches])
  const url = await until(
    () => /ws:\S+/.exec(simulator.printed())?.[0],
    (found) => found !== undefined || simulator.child.exitCode !== null,
  )
  return { simulator, url: String(url) }
}

const follow = (url: string, folder: string, ...more: string[]) =>
  running(['run', '--finnhub-url', url, '--data-dir', folder, ...LIVE, ...more], { STOCKPIPE_FINNHUB_TOKEN: 'x' })

test.concurrent(
  'a live feed waits in memory while the disk is full, and all of it is stored once',
  async () => {
    using disk = smallDisk('1500k')
    if (disk === null) return
    const { simulator, url } = await market('--rate', '4000')
    await using _simulator = simulator
    await using run = follow(url, disk.path)
    const api = await run.url()
    await until(
      () => readiness(api),
      ({ text }) => text.includes('full'),
    )
    await Bun.sleep(700)
    disk.grow()
    await until(
      () => readiness(api),
      ({ status }) => status === 200,
    )
    const stored = async () =>
      ((await (await fetch(`${api}/v1/stats`)).json()) as { data: { trades_stored: number } }).data.trades_stored
    await until(stored, (trades) => trades > 5_000)
    expect(await run.stop()).toBe(0)
    expect(run.named('feed.loss.end')).toEqual([])
    const { wrong, rows, unread } = await differencesFromLog(disk.path, 'live')
    expect(wrong).toEqual([])
    expect(unread).toBeLessThan(1_000)
    expect(rows).toBeGreaterThan(5_000)
    await expectVerified(disk.path)
  },
  LIMIT_MS,
)

test.concurrent(
  'stopped while the disk is full, a live feed says from when to when it lost',
  async () => {
    using disk = smallDisk('1500k')
    if (disk === null) return
    const { simulator, url } = await market('--rate', '4000')
    await using _simulator = simulator
    await using run = follow(url, disk.path)
    const api = await run.url()
    await until(
      () => readiness(api),
      ({ text }) => text.includes('log.db is full'),
    )
    await Bun.sleep(200)
    expect(await run.stop()).toBe(1)
    const losses = run.named('feed.loss.end')
    expect(losses.length).toBe(1)
    expect(Number(losses[0]?.['frames'])).toBeGreaterThan(0)
    expect(Number(losses[0]?.['to']) - Number(losses[0]?.['from'])).toBeGreaterThan(150)
  },
  LIMIT_MS,
)

const quarantined = async (api: string): Promise<number> =>
  Number(/quarantined_trades_total\{reason="future"\} (\d+)/.exec(await (await fetch(`${api}/metrics`)).text())?.[1])

test.concurrent(
  'a clock 10 s off is said once, and no trade is put aside for it',
  async () => {
    using folder = temporaryFolder()
    const { simulator, url } = await market('--rate', '400', '--clock-offset', '10s')
    await using _simulator = simulator
    await using run = follow(url, folder.path)
    const api = await run.url()
    const latest = async () => ((await (await fetch(`${api}/v1/latest`)).json()) as { data: unknown[] }).data.length
    await until(latest, (count) => count === 2)
    expect(run.named('feed.clock_off').map(({ why }) => why)).toEqual([
      "the feed's clock is 10 s ahead of this machine's",
    ])
    expect(await quarantined(api)).toBe(0)
    expect((await readiness(api)).status).toBe(200)
    expect(await run.stop()).toBe(0)
  },
  LIMIT_MS,
)

test.concurrent(
  'a feed that leaps 10 s ahead is an alarm until the share of such trades falls again',
  async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'leap.ndjson')
    writeRecording(file, { frames: 900, ahead: (frame) => (frame >= 300 && frame < 315 ? 10_000 : 0) })
    const args = ['run', '--replay-file', file, '--replay-speed', '20', '--partitions', '1', ...LIVE.slice(0, 2)]
    await using run = running([...args, '--data-dir', join(folder.path, 'data')])
    const api = await run.url()
    const alarm = await until(
      () => readiness(api),
      ({ status }) => status === 503,
    )
    expect(alarm.text).toMatch(/clock off by (9|10) s/)
    await until(
      () => readiness(api),
      ({ status }) => status === 200,
    )
    expect(run.named('clock.off').length).toBe(1)
    expect(run.named('clock.fine').length).toBe(1)
  },
  LIMIT_MS,
)

/** A copy of the undisturbed folder, changed, and replayed into once more. */
async function again(folder: string, change: (data: string) => void, ...more: string[]) {
  const data = join(folder, 'data')
  cpSync((await undisturbed).folder, data, { recursive: true })
  change(join(data, 'replay'))
  const { code, stderr } = await stockpipe(replayArgs(RECORDING, data, ...more))
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return { content: await contentOf(data), stderr }
}

const remove = (folder: string, name: string) => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, name + suffix), { force: true })
}

test.concurrent.each(['store.db', 'log.db', 'store.db,log.db'])(
  'without %s the next start makes everything anew',
  async (names) => {
    using folder = temporaryFolder()
    const { content } = await again(folder.path, (data) => {
      for (const name of names.split(',')) remove(data, name)
    })
    expect(content).toEqual((await undisturbed).content)
  },
  LIMIT_MS,
)

test.concurrent(
  'with other window settings all rows are made by them, none by the old ones',
  async () => {
    using folder = temporaryFolder()
    const settings = ['--window', '30s', '--delay', '5s']
    const { content, stderr } = await again(folder.path, () => {}, ...settings)
    expect(stderr).toContain('--window 15s --hop 5s --delay 15s')
    const direct = join(folder.path, 'direct')
    await stockpipe(replayArgs(RECORDING, direct, ...settings))
    expect(content).toEqual(await contentOf(direct))
  },
  LIMIT_MS,
)

test.concurrent(
  'a process that was stopped for a while closes no window by the clock',
  async () => {
    using folder = temporaryFolder()
    const { simulator, url } = await market('--rate', '400')
    await using _simulator = simulator
    await using run = follow(url, folder.path, '--delay', '1s', '--idle', '2s')
    const api = await run.url()
    const candles = async () =>
      ((await (await fetch(`${api}/v1/candles?symbol=AAPL&interval=1s&from=1`)).json()) as { data: unknown[] }).data
        .length
    await until(candles, (count) => count > 1)
    run.child.kill('SIGSTOP')
    await Bun.sleep(4_000)
    run.child.kill('SIGCONT')
    const stopped = await candles()
    await until(candles, (count) => count > stopped + 1)
    expect(await run.stop()).toBe(0)
    const rows = [...(await exported('windows', folder.path)), ...(await exported('candles', folder.path))]
    expect(rows.filter((row) => row['closed_by'] === 'idle')).toEqual([])
  },
  LIMIT_MS,
)

test.concurrent(
  'one wish to stop may come as two signals',
  async () => {
    using folder = temporaryFolder()
    await using run = running(['run', '--data-dir', folder.path, ...LIVE.slice(0, 2)])
    await run.url()
    run.child.kill('SIGINT')
    await Bun.sleep(5)
    run.child.kill('SIGINT')
    expect(await run.child.exited).toBe(0)
    await until(
      () => run.named('run.stopped').length,
      (count) => count === 1,
    )
  },
  LIMIT_MS,
)
