import { expect, test } from 'bun:test'

import { type ExportOptions, exportRows } from './export.ts'
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
function storeOf(pages: readonly Tables['trades'][][]) {
  const given = { pages: 0 }
  async function* read(): AsyncIterable<readonly Tables['trades'][]> {
    for (const page of pages) {
      given.pages++
      yield page
    }
  }
  return { given, store: { read } as unknown as Pick<Store, 'read'> }
}

async function written(
  pages: readonly Tables['trades'][][],
  format: 'csv' | 'ndjson',
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
      text += chunk
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
