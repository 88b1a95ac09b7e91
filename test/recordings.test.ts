import { describe, expect, test } from 'bun:test'
import { exported, fixture, replayArgs, start, stockpipe, temporaryFolder } from './binary.ts'
import { differencesFrom } from './expected.ts'

const RECORDINGS = [
  { name: 'btcusdt-trades', trades: 2001 },
  { name: 'finnhub-session', trades: 27 },
]

describe.each(RECORDINGS)('$name', ({ name, trades }) => {
  test.each([1, 12])('gives exactly the expected rows at %d partitions', async (partitions) => {
    using folder = temporaryFolder()
    const run = await stockpipe(replayArgs(fixture(`${name}.ndjson`), folder.path, '--partitions', String(partitions)))
    expect({ code: run.code, stderr: run.code === 0 ? '' : run.stderr }).toEqual({ code: 0, stderr: '' })
    const [candles, windows] = [await exported('candles', folder.path), await exported('windows', folder.path)]
    expect(differencesFrom(fixture(`${name}.expected.json`), { candles, windows })).toEqual([])
    expect((await exported('trades', folder.path)).length).toBe(trades)
  })
})

test('a finished recording adds nothing the second time, and says so; --replay-again appends it once more', async () => {
  using folder = temporaryFolder()
  const args = replayArgs(fixture('finnhub-session.ndjson'), folder.path)
  await stockpipe(args)
  const before = await exported('trades', folder.path)
  const again = await stockpipe(args)
  expect(again.code).toBe(0)
  expect(again.stderr).toContain('in the log already')
  expect(await exported('trades', folder.path)).toEqual(before)
  await stockpipe([...args, '--replay-again'])
  expect((await exported('trades', folder.path)).length).toBe(before.length * 2)
})

test('a replay killed at any moment and started again ends with the rows of an undisturbed one', async () => {
  using calm = temporaryFolder()
  using disturbed = temporaryFolder()
  const file = fixture('btcusdt-trades.ndjson')
  await stockpipe(replayArgs(file, calm.path))
  for (let kill = 0; kill < 20; kill++) {
    const child = start(replayArgs(file, disturbed.path))
    await Promise.race([child.exited, Bun.sleep(60 + kill * 9)])
    child.kill('SIGKILL')
    await child.exited
  }
  expect((await stockpipe(replayArgs(file, disturbed.path))).code).toBe(0)
  for (const table of ['candles', 'windows', 'trades']) {
    const rows = async (folder: string) => (await exported(table, folder)).map((row) => ({ ...row, ingested_ts: 0 }))
    expect(await rows(disturbed.path)).toEqual(await rows(calm.path))
  }
}, 60_000)
