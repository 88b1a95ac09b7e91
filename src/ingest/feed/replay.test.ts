import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type ManualClock, manualClock } from '../../clock.ts'
import { createMetrics, Health, type Log, silentLog } from '../../telemetry.ts'
import type { Frame } from '../feed.ts'
import { openReplayFeed, type ReplayOptions } from './replay.ts'

const trade = (t: number): string => JSON.stringify({ type: 'trade', data: [{ s: 'A', p: 1, t, v: 1, c: null }] })
const line = (received: number | null, conn = 0, text = trade(received ?? 1)): string =>
  JSON.stringify({ received, conn, frame: text })
const forever = new AbortController().signal

function temporary(content: string | Uint8Array, name = 'recording.ndjson') {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-replay-'))
  const file = join(folder, name)
  writeFileSync(file, content)
  const clock = manualClock(1_000_000)
  const open = (more: Partial<ReplayOptions> = {}, log: Log = silentLog) =>
    openReplayFeed(
      { file, speed: Number.POSITIVE_INFINITY, rebase: false, again: false, stateDir: folder, ...more },
      { clock, log, metrics: createMetrics(), health: new Health() },
    )
  return { open, clock, folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

async function framesOf(feed: Awaited<ReturnType<typeof openReplayFeed>>, acknowledge = 0): Promise<Frame[]> {
  const frames: Frame[] = []
  for await (const batch of feed.events(forever))
    for (const event of batch) if (event.kind === 'frame') frames.push(event)
  for (const frame of frames.filter(({ known }) => !known).slice(0, acknowledge)) feed.acknowledge(frame)
  return frames
}

test('frames come in order, each connection counting for itself', async () => {
  using temp = temporary([line(1), line(2, 7), line(3), trade(4)].join('\n'))
  const frames = await framesOf(await temp.open())
  expect(frames.map(({ conn, seq, received }) => [conn, seq, received])).toEqual([
    [0, 1, 1],
    [7, 1, 2],
    [0, 2, 3],
    [0, 3, null],
  ])
  expect(frames[0]?.session).toHaveLength(12)
  expect(new Set(frames.map(({ session }) => session)).size).toBe(2)
})

test('line ends, blank lines, a byte-order mark and a missing last line end are no matter', async () => {
  using temp = temporary(`\u{FEFF}${line(1)}\r\n\r\n${line(2)}\r\n${line(3)}`)
  expect((await framesOf(await temp.open())).map(({ received }) => received)).toEqual([1, 2, 3])
})

test('a packed recording is the same recording', async () => {
  const text = `${line(1)}\n${line(2)}\n`
  using plain = temporary(text)
  using packed = temporary(Bun.zstdCompressSync(Buffer.from(text)), 'recording.ndjson.zst')
  expect(await framesOf(await packed.open())).toEqual(await framesOf(await plain.open()))
})

test('an interrupted replay goes on behind what was acknowledged', async () => {
  using temp = temporary([line(1), line(2, 1), line(3), line(4, 1)].join('\n'))
  const first = await framesOf(await temp.open(), 2)
  temp.clock.advance(10_000)
  const feed = await temp.open()
  expect(feed.status).toBe('resumed')
  const second = await framesOf(feed)
  expect(second.map(({ known }) => known)).toEqual([true, false, false, false])
  expect(second.map(({ session, seq }) => [session, seq])).toEqual(first.map(({ session, seq }) => [session, seq]))
})

test('a replay that was told to stop has kept all that was acknowledged', async () => {
  using temp = temporary([line(1), line(2), line(3)].join('\n'))
  const stop = new AbortController()
  const feed = await temp.open()
  for await (const batch of feed.events(stop.signal)) {
    for (const event of batch.slice(0, 2)) if (event.kind === 'frame') feed.acknowledge(event)
    stop.abort()
  }
  expect((await framesOf(await temp.open())).map(({ known }) => known)).toEqual([true, true, false])
})

test('a finished file gives nothing; again it is another session', async () => {
  using temp = temporary([line(1), line(2)].join('\n'))
  const first = await framesOf(await temp.open(), 2)
  const finished = await temp.open()
  expect(finished.status).toBe('finished')
  expect(await framesOf(finished)).toEqual([])
  const again = await framesOf(await temp.open({ again: true }))
  expect(again.map(({ known }) => known)).toEqual([false, false])
  expect(again[0]?.session).not.toBe(first[0]?.session)
})

test('rebasing shifts receipts and trades alike, and keeps the shift when it goes on', async () => {
  using temp = temporary([line(500), line(900)].join('\n'))
  const first = await framesOf(await temp.open({ rebase: true }), 1)
  temp.clock.advance(77_000)
  const second = await framesOf(await temp.open({ rebase: true }))
  expect(first.map(({ received }) => received)).toEqual([1_000_000, 1_000_400])
  expect(second.map(({ text }) => text)).toEqual(first.map(({ text }) => text))
  expect(JSON.parse(first[1]?.text ?? '')).toMatchObject({ data: [{ t: 1_000_400 }] })
})

/** Moves time on whenever somebody sleeps, and notes when each frame came. */
async function paced(speed: number, lines: readonly string[]): Promise<number[]> {
  using temp = temporary(lines.join('\n'))
  const clock: ManualClock = temp.clock
  const start = clock.now()
  const times: number[] = []
  const sleep = clock.sleep.bind(clock)
  clock.sleep = (ms, signal) => {
    const slept = sleep(ms, signal)
    clock.advance(ms)
    return slept
  }
  for await (const batch of (await temp.open({ speed })).events(forever))
    for (const { kind } of batch) if (kind === 'frame') times.push(clock.now() - start)
  return times
}

test('frames keep their distances, divided by the speed', async () => {
  expect(await paced(1, [line(0), line(1_000), line(4_000)])).toEqual([0, 1_000, 4_000])
  expect(await paced(10, [line(0), line(1_000), line(4_000)])).toEqual([0, 100, 400])
})

test('without receipts the time of the trades paces', async () => {
  expect(await paced(1, [trade(10_000), '{"type":"ping"}', trade(11_500)])).toEqual([0, 0, 1_500])
})

test('a senseless time of a trade is not waited for', async () => {
  const far = trade(4_000_000_000_000)
  expect(await paced(1, [trade(10_000), trade(0), trade(11_000), far, trade(11_500), trade(12_500)])).toEqual([
    0, 0, 1_000, 1_000, 1_000, 2_000,
  ])
})

test('a broken line belongs to the connection of the line before it', async () => {
  using temp = temporary([line(1, 7), 'Bad Gateway', '{"received":2,"conn":8}', line(3, 7)].join('\n'))
  expect((await framesOf(await temp.open())).map(({ conn, seq }) => [conn, seq])).toEqual([
    [7, 1],
    [7, 2],
    [7, 3],
    [7, 4],
  ])
})

test('a line that is no envelope is passed on whole, and said', async () => {
  const warnings: unknown[] = []
  const log: Log = { ...silentLog, warn: (event, fields) => warnings.push([event, fields?.['line']]) }
  using temp = temporary(['{"received":1,"frame":', '{"received":"x","frame":"{}"}', line(3)].join('\n'))
  const frames = await framesOf(await temp.open({}, log))
  expect(frames.map(({ text }) => text)).toEqual(['{"received":1,"frame":', '{"received":"x","frame":"{}"}', trade(3)])
  expect(warnings).toEqual([
    ['replay.bad_line', 1],
    ['replay.bad_line', 2],
  ])
})

test('a broken line is no new connection: it belongs to the one that was speaking', async () => {
  const broken = ['Bad Gateway', '{"received":1,"frame":', '[1]', '{"received":"x","conn":3,"frame":"{}"}']
  using temp = temporary([line(1, 7), ...broken, line(2, 7)].join('\n'))
  const frames = await framesOf(await temp.open())
  expect(frames.map(({ conn, seq }) => [conn, seq])).toEqual([1, 2, 3, 4, 5, 6].map((seq) => [7, seq]))
})

test('many broken lines are counted, not told one by one', async () => {
  const warnings: unknown[] = []
  const log: Log = { ...silentLog, warn: (event, fields) => warnings.push([event, fields?.['lines']]) }
  using temp = temporary([line(1), ...Array.from({ length: 500 }, () => 'Bad Gateway')].join('\n'))
  expect(await framesOf(await temp.open({}, log))).toHaveLength(501)
  expect(warnings).toHaveLength(11)
  expect(warnings.at(-1)).toEqual(['replay.bad_lines', 500])
})

test('a fraction of a ms in a receipt is no fault', async () => {
  using temp = temporary(line(1_610_064_000_350.75))
  expect((await framesOf(await temp.open())).map(({ received }) => received)).toEqual([1_610_064_000_350])
})

test('rebasing makes no trade of what is none, and shifts its neighbours', async () => {
  const data = [null, { s: 'A', p: 1, t: 0, v: 1 }, { s: 'A', p: 1, t: 500, v: 1 }]
  using temp = temporary(line(null, 0, JSON.stringify({ type: 'trade', data })))
  const [frame] = await framesOf(await temp.open({ rebase: true }))
  expect(JSON.parse(frame?.text ?? '')).toMatchObject({ data: [null, { t: 0 }, { t: 1_000_000 }] })
})

test.each([true, false])('a replay goes on as it began: rebased %p, whatever is asked for now', async (rebase) => {
  using temp = temporary([line(500), line(900)].join('\n'))
  const first = await framesOf(await temp.open({ rebase }), 1)
  const second = await framesOf(await temp.open({ rebase: !rebase }))
  expect(second.map(({ text }) => text)).toEqual(first.map(({ text }) => text))
})

test('a pack cut short is refused before its first frame', async () => {
  const packed = Bun.zstdCompressSync(
    Buffer.from(Array.from({ length: 5_000 }, (_, at) => line(at * 7_919)).join('\n')),
  )
  using temp = temporary(packed.subarray(0, packed.length - 1), 'recording.ndjson.zst')
  expect(await temp.open().catch((error: unknown) => error)).toMatchObject({ code: 'replay-file' })
})

test('a line too long is refused before the first frame', async () => {
  using temp = temporary(`${line(1)}\n${'x'.repeat(17_000_000)}\n`)
  expect(await temp.open().catch((error: unknown) => error)).toMatchObject({ code: 'replay-file' })
})

test.each([
  ['an empty file', ''],
  ['a file of blanks', '\n\n  \n'],
  ['a text that is no recording', '# stockpipe\n\nTrades in, candles out.\n'],
  ['a file that is no text', new Uint8Array([1, 0, 2, 0])],
])('%s is refused', async (_name, content) => {
  using temp = temporary(content)
  expect(await temp.open().catch((error: unknown) => error)).toMatchObject({ code: 'replay-file' })
})

test('progress counts lines and bytes to the end', async () => {
  using temp = temporary(`${line(1)}\n${line(2)}\n`)
  const feed = await temp.open()
  await framesOf(feed)
  const { lines, bytes, totalBytes } = feed.progress()
  expect(lines).toBe(2)
  expect(bytes).toBe(totalBytes ?? -1)
})
