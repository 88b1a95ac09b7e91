import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { exported, replayArgs, type Row, start, stockpipe, temporaryFolder } from './binary.ts'
import { nastyRecording, random } from './nasty.ts'
import { check, type Stored } from './nasty-rows.ts'

/** More by hand, from any number on: NASTY_SEEDS=200 NASTY_FROM=1000 bun test test/nasty.test.ts */
const SEEDS = Number(process.env['NASTY_SEEDS'] ?? 3)
const FROM = Number(process.env['NASTY_FROM'] ?? 1)
const seeds = Array.from({ length: SEEDS }, (_, index) => FROM + index)

async function storedIn(folder: string): Promise<Stored> {
  const [trades = [], candles = [], windows = []] = await Promise.all(
    ['trades', 'candles', 'windows'].map((table) => exported(table, folder)),
  )
  using store = new Database(join(folder, 'replay', 'store.db'), { readonly: true })
  using log = new Database(join(folder, 'replay', 'log.db'), { readonly: true })
  const late = store.query<Row, []>('SELECT * FROM late_trades').all()
  const latest = store.query<Row, []>('SELECT symbol, trade_ts, price FROM latest ORDER BY symbol').all()
  const count = `SELECT count(*) AS count FROM records JOIN topics ON topics.id = topic_id WHERE name = 'market.dead-letter'`
  const deadLetters = log.query<{ count: number }, []>(count).get()?.count ?? 0
  return { trades, candles, windows, late, latest, deadLetters }
}

test.each(seeds)('nasty recording %d gives the rows that the rules give, at 1 and at 12 partitions', async (seed) => {
  const recording = nastyRecording(seed)
  await Promise.all(
    [1, 12].map(async (partitions) => {
      using folder = temporaryFolder()
      const file = join(folder.path, 'nasty.ndjson')
      writeFileSync(file, recording.text)
      const data = join(folder.path, 'data')
      const run = await stockpipe(replayArgs(file, data, '--partitions', String(partitions)))
      expect({ code: run.code, stderr: run.code === 0 ? '' : run.stderr }).toEqual({ code: 0, stderr: '' })
      check(await storedIn(data), recording, partitions)
    }),
  )
})

const STOPS = ['SIGKILL', 'SIGKILL', 'SIGTERM'] as const

test.each(seeds.slice(0, Math.max(1, SEEDS / 4)))(
  'nasty recording %d, killed and stopped again and again and gone on with, gives the rows of an undisturbed run',
  async (seed) => {
    const recording = nastyRecording(seed, 700)
    const next = random(seed)
    using calm = temporaryFolder()
    using disturbed = temporaryFolder()
    const file = join(calm.path, 'nasty.ndjson')
    writeFileSync(file, recording.text)
    const args = (folder: string) => replayArgs(file, join(folder, 'data'), '--partitions', '3')
    expect((await stockpipe(args(calm.path))).code).toBe(0)
    for (let stop = 0; stop < 12; stop++) {
      const child = start(args(disturbed.path))
      await Promise.race([child.exited, Bun.sleep(120 + next() * 350)])
      child.kill(STOPS[stop % STOPS.length])
      await child.exited
    }
    expect((await stockpipe(args(disturbed.path))).code).toBe(0)
    const stored = await storedIn(join(disturbed.path, 'data'))
    check(stored, recording, 3)
    const bare = ({ trades, windows, candles, late, latest }: Stored) =>
      [trades, windows, candles, late, latest].map((rows) =>
        rows.map((row) => ({ ...row, ingested_ts: 0, incarnation: 0, written_ts: 0 })),
      )
    expect(bare(stored)).toEqual(bare(await storedIn(join(calm.path, 'data'))))
  },
  60_000,
)
