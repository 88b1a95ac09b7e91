import { Database } from 'bun:sqlite'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { systemClock } from '../clock.ts'
import type { NewRecord } from '../stream/broker.ts'
import { openEmbeddedBroker } from '../stream/broker/embedded.ts'
import { silentLog } from '../telemetry.ts'
import type { Report } from '../verify/report.ts'
import { runStockpipe } from './stockpipe.fixture.ts'

/** A folder with the data of one recording, to be spoilt. */
export interface Spoilt extends Disposable {
  data: string
  /** Changes rows of the store by hand; answers how many. */
  store: (sql: string) => number
  /** What a question to the store answers. */
  rows: (sql: string) => Record<string, unknown>[]
  /** The same of the log. */
  log: (sql: string) => number
  /** Appends to the log as another producer would. */
  append: (topic: string, records: readonly NewRecord[]) => Promise<void>
  verify: (...words: string[]) => Promise<{ code: number; report: Report; found: string[] }>
}

/** Replays a file to its end into `data`. */
export async function replay(file: string, data: string, ...more: readonly string[]): Promise<void> {
  const words = ['run', '--feed', 'replay', '--replay-file', file, '--replay-speed', 'max', '--exit-at-end']
  const { code, err } = await runStockpipe([...words, '--data-dir', data, '--listen', '127.0.0.1:0', ...more], {
    cwd: tmpdir(),
  })
  if (code !== 0) throw new Error(err)
}

/** A copy of a data folder. */
export function copyOf(original: string): Spoilt {
  const folder = mkdtempSync(join(tmpdir(), 'stockpipe-spoilt-'))
  const data = join(folder, 'data')
  cpSync(original, data, { recursive: true })
  const change = (file: string) => (sql: string) => {
    using database = new Database(join(data, 'replay', file))
    return database.run(sql).changes
  }
  return {
    data,
    store: change('store.db'),
    rows(sql) {
      using database = new Database(join(data, 'replay', 'store.db'), { readonly: true })
      return database.query<Record<string, unknown>, []>(sql).all()
    },
    log: change('log.db'),
    async append(topic, records) {
      const path = join(data, 'replay', 'log.db')
      await using broker = await openEmbeddedBroker({ path, clock: systemClock, log: silentLog })
      await broker.append(topic, records)
    },
    verify: (...words) => verified(['--data-dir', data, ...words]),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** `found`: a line for each difference. */
export async function verified(words: readonly string[]): Promise<{ code: number; report: Report; found: string[] }> {
  const { code, out, err } = await runStockpipe(['verify', '--json', ...words], { cwd: tmpdir() })
  if (out === '') throw new Error(err)
  const report = JSON.parse(out) as Report
  const found = Object.values(report.kinds)
    .flatMap(({ shown }) => shown)
    .map(
      ({ kind, key, column, stored, expected }) =>
        `${kind} ${key} ${column}: ${String(stored)} not ${String(expected)}`,
    )
  return { code, report, found }
}
