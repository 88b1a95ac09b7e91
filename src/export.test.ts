import { expect, test } from 'bun:test'

import { type ExportFormat, type ExportOptions, exportRows } from './export.ts'
import { openParquet } from './export/parquet.ts'
import type { Store, Tables } from './stream/store.ts'

const trade: Tables['trades'] = {
  symbol: 'IC MARKETS:1',
  hour: '2024-03-05T14',
  trade_ts: 1_709_647_200_001,
  log_partition: 3,
  log_offset: 7,
  log_index: 0,
  price: 0.1,
  volume: 1e-7,
  conditions: '1,12',
  received_ts: null,
  ingested_ts: 1_709_647_200_002,
  flags: '',
}

/** A store that gives these pages, and counts those it was asked for. */
function storeOf(pages: readonly Tables['trades'][][], onRead = () => {}) {
  const given = { pages: 0 }
  async function* read(): AsyncIterable<readonly Tables['trades'][]> {
    for (const page of pages) {
      given.pages++
      onRead()
      yield page
    }
  }
  return { given, store: { read } as unknown as Pick<Store, 'read'> }
}

async function written(
  pages: readonly Tables['trades'][][],
  format: ExportFormat,
  more: Partial<ExportOptions<'trades'>> = {},
) {
  let text = ''
  const { store, given } = storeOf(pages)
  const count = await exportRows({
    store,
    table: 'trades',
    query: {},
    format,
    write: (chunk) => {
      text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')
    },
    signal: new AbortController().signal,
    ...more,
  })
  return { text, count, given }
}

test('NDJSON has the columns in their order, and exact numbers', async () => {
  const { text, count } = await written([[trade], [trade]], 'ndjson')
  expect(count).toBe(2)
  const [line = ''] = text.split('\n')
  expect(JSON.parse(line)).toEqual(trade)
  expect(Object.keys(JSON.parse(line) as object)).toEqual(Object.keys(trade))
})

test('CSV quotes what needs it, leaves null empty, and begins with the columns', async () => {
  const { text } = await written([[trade, { ...trade, symbol: 'A "quoted"\nname', flags: 'future' }]], 'csv')
  expect(text.split('\n')[0]).toBe(
    'symbol,hour,trade_ts,log_partition,log_offset,log_index,price,volume,conditions,received_ts,ingested_ts,flags',
  )
  expect(text.split('\n')[1]).toBe('IC MARKETS:1,2024-03-05T14,1709647200001,3,7,0,0.1,1e-7,"1,12",,1709647200002,')
  expect(text).toContain('"A ""quoted""\nname"')
})

test('Python reads the CSV as it was meant', async () => {
  if (Bun.which('python3') === null) return console.warn('SKIPPED: no python3 on this machine')
  const { text } = await written([[{ ...trade, symbol: 'A "quoted"\nname' }]], 'csv')
  const program = 'import csv,sys,json; print(json.dumps(list(csv.DictReader(sys.stdin))))'
  const child = Bun.spawn(['python3', '-c', program], { stdin: new Blob([text]), stdout: 'pipe' })
  const [row] = (await new Response(child.stdout).json()) as Record<string, string>[]
  expect(row).toMatchObject({ symbol: 'A "quoted"\nname', conditions: '1,12', received_ts: '', price: '0.1' })
})

test('an empty table is a header in CSV and nothing in NDJSON', async () => {
  expect((await written([], 'csv')).text).toMatch(/^symbol,.*flags\n$/)
  expect((await written([], 'ndjson')).text).toBe('')
})

test('a slow reader makes the export wait', async () => {
  let release = () => {}
  const write = () => new Promise<void>((resolve) => (release = resolve))
  const { store, given } = storeOf([[trade], [trade], [trade]])
  const done = exportRows({
    store,
    table: 'trades',
    query: {},
    format: 'ndjson',
    write,
    signal: new AbortController().signal,
  })
  await Bun.sleep(0)
  expect(given.pages).toBe(1)
  release()
  await Bun.sleep(0)
  expect(given.pages).toBe(2)
  release()
  await Bun.sleep(0)
  release()
  expect(await done).toBe(3)
})

test('an interrupted export stops at the next page', async () => {
  const stop = new AbortController()
  const { count } = await written([[trade], [trade], [trade]], 'ndjson', {
    signal: stop.signal,
    write: () => stop.abort(),
  })
  expect(count).toBe(1)
})

test('a sum that overflowed is empty in CSV, as it is null in JSON', async () => {
  const { text } = await written([[{ ...trade, volume: Number.POSITIVE_INFINITY }]], 'csv')
  expect(text.split('\n')[1]).toBe('IC MARKETS:1,2024-03-05T14,1709647200001,3,7,0,0.1,,"1,12",,1709647200002,')
})

test('Parquet is whole only at its end, so that nobody takes an interrupted one for all rows', async () => {
  const stop = new AbortController()
  const [whole, cut] = await Promise.all([
    written([[trade], [trade]], 'parquet'),
    written([[trade], [trade]], 'parquet', {
      signal: stop.signal,
      store: storeOf([[trade], [trade]], () => stop.abort()).store,
    }),
  ])
  expect([whole.count, whole.text.startsWith('PAR1'), whole.text.endsWith('PAR1')]).toEqual([2, true, true])
  expect([cut.count, cut.text.endsWith('PAR1')]).toEqual([0, false])
})

test('Parquet goes out group by group, and keeps none', async () => {
  const sizes: number[] = []
  const sink = await openParquet('trades', (chunk) => void sizes.push(chunk.length), { groupRows: 100 })
  const page = Array.from({ length: 250 }, (_, index) => ({ ...trade, log_offset: index }))
  await sink.rows(page)
  expect(sizes).toHaveLength(2)
  await sink.rows(page)
  expect(sizes).toHaveLength(5)
  expect(Math.max(...sizes)).toBeLessThan(2 * Math.min(...sizes))
})

test('a slow reader makes a Parquet export wait', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const sink = await openParquet('trades', () => promise, { groupRows: 1 })
  let isDone = false
  const done = sink.rows([trade]).then(() => (isDone = true))
  await Bun.sleep(0)
  expect(isDone).toBe(false)
  resolve()
  await done
})

test('what is no whole number is refused where Parquet has one, and never rounded', async () => {
  const sink = await openParquet('trades', () => {}, { groupRows: 1 })
  const offset = sink.rows([{ ...trade, log_offset: 0.5 }])
  expect(await offset.catch(String)).toBe('RangeError: Not an integer')
})
