/** The embedded mode: killed, without power, with a clock that leaps. */
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { note } from './figures.ts'
import { contentOf, expectVerified, historyDifferences, writeRecording } from './folder.ts'
import { ForgetfulFolder } from './power.ts'
import { preload } from './preload.ts'
import { LIMIT_MS, moment, size } from './sizes.ts'
import { exported, replayArgs, stockpipe, temporaryFolder } from '../binary.ts'
import { differencesFromLog, logOf } from '../recomputed.ts'
import { readiness, running, type Running, until } from '../running.ts'
import { market } from '../server-faults.fixture.ts'

const KILLS = size('EMBEDDED_KILLS', 10, 50)
const CUTS = size('POWER_CUTS', 8, 50)
const LISTEN = ['--listen', '127.0.0.1:0']

/** Resolves when it serves a trade that happened after `from` (unix ms). */
async function goesOn(run: Running, from: number): Promise<void> {
  const api = await run.url()
  const newest = async () => {
    const { data } = (await (await fetch(`${api}/v1/latest`)).json()) as { data: { trade_ts: number }[] }
    return data.reduce((max, { trade_ts }) => Math.max(max, trade_ts), 0)
  }
  await until(newest, (t) => t > from)
}

/** When each symbol of a simulated market traded last, by the log. */
async function lastTrades(data: string): Promise<Record<string, number>> {
  const records = (await logOf(data, 'simulated')).flat()
  const last: Record<string, number> = {}
  for (const { s, t } of records.flatMap(({ entries }) => entries)) last[s] = Math.max(last[s] ?? 0, t)
  return last
}

/** A market that goes on where it was, struck again and again, then left alone: nothing is lost, twice or wrong. */
async function survivesStrikes(
  data: string,
  start: () => Running,
  strikes: number,
  strike: (run: Running) => Promise<void>,
) {
  for (let round = 0; round < strikes; round++) {
    await using run = start()
    // One in three is struck while it starts.
    if (round % 3 !== 0) await run.url()
    await Bun.sleep(moment(60, 1_000))
    await strike(run)
  }
  await using run = start()
  await run.url()
  await goesOn(run, Date.now())
  expect(await run.stop()).toBe(0)
  const { wrong, rows, unread } = await differencesFromLog(data, 'simulated')
  expect(wrong).toEqual([])
  expect(unread).toBeLessThan(100)
  expect(await historyDifferences(data)).toEqual([])
  await expectVerified(data)
  return rows
}

test.concurrent(
  `killed at ${KILLS} random moments of a live market, it has every trade once and every window right`,
  async () => {
    using folder = temporaryFolder()
    const start = () => running(['run', '--data-dir', folder.path, ...LISTEN])
    const strike = async ({ child }: Running) => {
      child.kill('SIGKILL')
      await child.exited
    }
    const rows = await survivesStrikes(folder.path, start, KILLS, strike)
    note('embedded', `killed ${KILLS} times`, `${rows} rows: no difference`)
  },
  LIMIT_MS,
)

test.concurrent(
  `after ${CUTS} power cuts in a live market, each dropping what was not synced, it has every trade once and every window right`,
  async () => {
    using folder = temporaryFolder()
    const library = preload('power-cut', folder.path)
    if (library === null) return
    const disk = new ForgetfulFolder(folder.path, library)
    const start = () => disk.run(['run', '--data-dir', disk.data, ...LISTEN])
    const rows = await survivesStrikes(disk.data, start, CUTS, (run) => disk.cut(run))
    note(
      'embedded',
      `${CUTS} power cuts, live`,
      `${rows} rows: no difference; unsynced writes dropped ${disk.forgot} times`,
    )
    expect(disk.forgot).toBeGreaterThan(0)
  },
  LIMIT_MS,
)

test.concurrent(
  'a replay that loses its power again and again ends with the rows of one that did not',
  async () => {
    using folder = temporaryFolder()
    const library = preload('power-cut', folder.path)
    if (library === null) return
    const recording = join(folder.path, 'recording.ndjson')
    writeRecording(recording, { frames: 3_000 })
    const undisturbed = join(folder.path, 'undisturbed')
    expect((await stockpipe(replayArgs(recording, undisturbed))).code).toBe(0)
    const disk = new ForgetfulFolder(folder.path, library)
    const slow = replayArgs(recording, disk.data).map((word) => (word === 'max' ? '15' : word))
    for (let round = 0; round < CUTS; round++) {
      await using run = disk.run(slow)
      await run.url()
      await Bun.sleep(moment(0, 1_000))
      await disk.cut(run)
    }
    const { code, stderr } = await stockpipe(replayArgs(recording, disk.data))
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(await contentOf(disk.data)).toEqual(await contentOf(undisturbed))
    await expectVerified(disk.data)
    note(
      'embedded',
      `${CUTS} power cuts, replay`,
      `equal to an undisturbed one; unsynced writes dropped ${disk.forgot} times`,
    )
  },
  LIMIT_MS,
)

/** The time of day that a process with this environment sees; null where the machine cannot do that. */
function movableClock(folder: string) {
  const library = preload('clock-step', folder)
  if (library === null) return null
  const file = join(folder, 'clock')
  const setAhead = (seconds: number) => writeFileSync(file, String(seconds))
  setAhead(0)
  return { setAhead, env: { LD_PRELOAD: library, CLOCK_STEP: file } }
}

test.concurrent(
  'a simulated market has all trades of a machine that slept, and says what it missed in three hours without one',
  async () => {
    using folder = temporaryFolder()
    const clock = movableClock(folder.path)
    if (clock === null) return
    const data = join(folder.path, 'data')
    const setBack = (seconds: number) => {
      clock.setAhead(-seconds)
      return Date.now() - seconds * 1_000
    }
    const start = () => running(['run', '--data-dir', data, ...LISTEN], clock.env)
    const begun = setBack(12_600)
    {
      await using run = start()
      await goesOn(run, begun)
      await goesOn(run, setBack(11_100))
      expect(await run.stop()).toBe(0)
    }
    expect(await historyDifferences(data)).toEqual([])
    expect(await exported('gaps', data)).toEqual([])
    const last = await lastTrades(data)
    expect(Object.keys(last)).toHaveLength(4)
    const back = setBack(0)
    {
      await using run = start()
      await goesOn(run, back)
      expect(await run.stop()).toBe(0)
    }
    const gaps = await exported('gaps', data)
    expect(Object.fromEntries(gaps.map(({ symbol, from_ts }) => [symbol, from_ts]))).toEqual(last)
    for (const { cause, to_ts } of gaps) {
      expect(cause).toBe('restart')
      expect(Math.abs(Number(to_ts) - (back - 1_800_000))).toBeLessThan(60_000)
    }
    await expectVerified(data)
  },
  LIMIT_MS,
)

const STEPS_S = [30, 0, -30, 3_600, 0]
const STEP_MS = size('CLOCK_STEP_MS', 2_500, 25_000)

test.concurrent(
  'a clock that is set forward and back loses no trade and makes no row wrong',
  async () => {
    using folder = temporaryFolder()
    const clock = movableClock(folder.path)
    if (clock === null) return
    const data = join(folder.path, 'data')
    const { simulator, url } = await market('--rate', '200', '--truth', join(folder.path, 'truth.ndjson'))
    await using _simulator = simulator
    const args = ['run', '--finnhub-url', url, '--data-dir', data, '--symbols', 'BINANCE:BTCUSDT,AAPL', ...LISTEN]
    await using run = running(args, { STOCKPIPE_FINNHUB_TOKEN: 'x', ...clock.env })
    const api = await run.url()
    await Bun.sleep(STEP_MS)
    for (const step of STEPS_S) {
      clock.setAhead(step)
      await Bun.sleep(STEP_MS)
    }
    await until(
      () => readiness(api),
      ({ status }) => status === 200,
    )
    expect(await run.stop()).toBe(0)
    const { wrong, rows } = await differencesFromLog(data, 'live')
    expect(wrong).toEqual([])
    await expectVerified(data)
    note('embedded', `clock set to ${STEPS_S.join(', ')} s`, `${rows} rows: no difference`)
  },
  LIMIT_MS,
)
