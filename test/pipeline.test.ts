import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { market } from './server-faults.fixture.ts'
import { exported, fixture, replayArgs, type Row, start, stockpipe, temporaryFolder } from './binary.ts'

type Child = ReturnType<typeof start>

/** Reads the log until the pipeline says where it listens. */
async function addressOf(child: Child): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  const reader = child.stderr.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`the pipeline ended: ${text}`)
    text += decoder.decode(value, { stream: true })
    const url = /"url":"(http[^"]+)"/.exec(text)?.[1]
    if (url === undefined) continue
    void drain(reader)
    return url
  }
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

/** Asks until the answer is as wanted; the test's own limit ends it otherwise. */
async function eventually<Value>(ask: () => Promise<Value>, isDone: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await ask()
    if (isDone(value)) return value
    await Bun.sleep(50)
  }
}

const rows = async (url: string): Promise<Row[]> => ((await (await fetch(url)).json()) as { data: Row[] }).data

const run = (folder: string, ...more: string[]): Child =>
  start(['run', '--data-dir', folder, '--listen', '127.0.0.1:0', ...more])

test('with nothing configured it serves a live market within 15 s, stops within 3 s, and goes on where it was', async () => {
  using folder = temporaryFolder()
  const first = run(folder.path)
  const url = await addressOf(first)
  const latest = await eventually(
    () => rows(`${url}/v1/latest`),
    (found) => found.length === 4,
  )
  expect(latest.map(({ symbol }) => symbol)).toContain('BINANCE:BTCUSDT')
  const history = await eventually(
    () => rows(`${url}/v1/candles?symbol=BINANCE:BTCUSDT&interval=1m&from=1`),
    (found) => found.length >= 29,
  )
  expect(await (await fetch(url)).text()).toContain('<title>stockpipe</title>')
  const stoppedAt = performance.now()
  first.kill('SIGTERM')
  expect(await first.exited).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(3_000)
  const before = await exported('trades', folder.path)

  const second = run(folder.path)
  const again = await addressOf(second)
  await eventually(
    () => rows(`${again}/v1/latest?symbol=BINANCE:BTCUSDT`),
    ([row]) => Number(row?.['trade_ts']) > Number(before.at(-1)?.['trade_ts']),
  )
  second.kill('SIGTERM')
  await second.exited
  const after = await exported('trades', folder.path)
  const idOf = (row: Row) => `${row['log_partition']}/${row['log_offset']}/${row['log_index']}`
  const kept = new Set(after.map(idOf))
  expect(before.filter((row) => !kept.has(idOf(row)))).toEqual([])
  expect(kept.size).toBe(after.length)
  expect(history.length).toBeGreaterThanOrEqual(29)
}, 30_000)

test('two signals at once are one wish to stop', async () => {
  using folder = temporaryFolder()
  const child = run(folder.path)
  await addressOf(child)
  child.kill('SIGINT')
  child.kill('SIGINT')
  expect(await child.exited).toBe(0)
})

test('it goes on when nobody reads its log any more', async () => {
  using folder = temporaryFolder()
  const { simulator, url: feed } = await market('--close', '300ms')
  await using _simulator = simulator
  const words = ['--finnhub-url', feed, '--log-format', 'json']
  await using child = start(['run', '--data-dir', folder.path, '--listen', '127.0.0.1:0', ...words])
  const reader = child.stderr.getReader()
  const decoder = new TextDecoder()
  let said = ''
  while (!said.includes('"run.started"')) said += decoder.decode((await reader.read()).value, { stream: true })
  await reader.cancel()
  const url = /"event":"run.started".*"url":"([^"]+)"/.exec(said)?.[1] ?? ''
  const lost = async () => {
    const counts = (await (await fetch(`${url}/metrics`)).text()).matchAll(
      /^stockpipe_feed_reconnects_total\{.*\} (\d+)$/gm,
    )
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
  }
  // Each is a line of the log.
  const before = await lost()
  await eventually(lost, (count) => count > before + 1)
  expect(child.exitCode).toBeNull()
}, 20_000)

test('as process 1 it stops at SIGTERM', async () => {
  using folder = temporaryFolder()
  const probe = Bun.spawnSync(['unshare', '--pid', '--fork', '--mount-proc', 'true'], { stderr: 'ignore' })
  if (!probe.success) return console.warn('SKIPPED: this machine does not let tests make a process 1 (unshare --pid)')
  const { BINARY } = await import('./binary.ts')
  const script = `"${BINARY}" run --data-dir "${folder.path}/d" --listen 127.0.0.1:0 2>"${folder.path}/log"`
  const child = Bun.spawn(
    ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL', 'sh', '-c', `exec ${script}`],
    { stdout: 'ignore', stderr: 'ignore' },
  )
  await eventually(
    () =>
      Bun.file(join(folder.path, 'log'))
        .text()
        .catch(() => ''),
    (text) => text.includes('run.started'),
  )
  const inner = Bun.spawnSync(['pgrep', '-P', String(child.pid)])
    .stdout.toString()
    .trim()
  process.kill(Number(inner), 'SIGTERM')
  expect(await child.exited).toBe(0)
}, 20_000)

test('the older environment names work as they are', async () => {
  using folder = temporaryFolder()
  const env = { FINNHUB_STOCKS_TICKERS: "['AAPL', 'MSFT']", KAFKA_MIN_PARTITIONS: '3', KAFKA_TOPIC_NAME: 'ticks' }
  const child = start(['run', '--data-dir', folder.path, '--listen', '127.0.0.1:0'], env)
  const url = await addressOf(child)
  const latest = await eventually(
    () => rows(`${url}/v1/latest`),
    (found) => found.length === 2,
  )
  expect(latest.map(({ symbol }) => symbol).sort()).toEqual(['AAPL', 'MSFT'])
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
}, 20_000)

const refused = async (args: readonly string[], code: number, ...words: string[]): Promise<void> => {
  const run = await stockpipe(args)
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code, stdout: '' })
  expect(run.stderr).toStartWith('error: ')
  for (const word of words) expect(run.stderr).toContain(word)
  expect(run.stderr).toContain('try: ')
  expect(run.stderr.split('\n').length).toBeLessThan(12)
  expect(run.stderr).not.toContain('    at ')
}

test('a folder of something else, a folder in use and a busy port are refused with a way out', async () => {
  using folder = temporaryFolder()
  const foreign = join(folder.path, 'foreign')
  mkdirSync(foreign)
  writeFileSync(join(foreign, 'thesis.tex'), 'x')
  await refused(
    ['run', '--data-dir', foreign, '--listen', '127.0.0.1:0'],
    2,
    'is not a stockpipe data folder',
    'thesis.tex',
  )
  const used = join(folder.path, 'used')
  const child = run(used)
  const url = await addressOf(child)
  await refused(['run', '--data-dir', used, '--listen', '127.0.0.1:0'], 2, 'in use', String(child.pid))
  await refused(['run', '--data-dir', join(folder.path, 'other'), '--listen', new URL(url).host], 2, new URL(url).port)
  child.kill('SIGTERM')
  await child.exited
}, 20_000)

test('a replay that ends by itself takes another port when the usual one is busy', async () => {
  using folder = temporaryFolder()
  const args = replayArgs(fixture('finnhub-session.ndjson'), folder.path).filter(
    (word) => !['--listen', '127.0.0.1:0'].includes(word),
  )
  const busy = [8080, 8081].flatMap((port) => {
    try {
      return [
        Bun.serve({ hostname: '127.0.0.1', port, reusePort: false, development: false, fetch: () => new Response('') }),
      ]
    } catch {
      return []
    }
  })
  expect((await stockpipe(args)).code).toBe(0)
  for (const server of busy) await server.stop(true)
})

test('an unusable recording is refused before anything is done', async () => {
  using folder = temporaryFolder()
  const data = join(folder.path, 'data')
  await refused(replayArgs(join(folder.path, 'absent.ndjson'), data), 2, 'absent.ndjson')
  writeFileSync(join(folder.path, 'empty.ndjson'), '')
  await refused(replayArgs(join(folder.path, 'empty.ndjson'), data), 2, 'empty')
})

test('another number of partitions is refused, not silently taken', async () => {
  using folder = temporaryFolder()
  await stockpipe(replayArgs(fixture('finnhub-session.ndjson'), folder.path))
  await refused(
    replayArgs(fixture('btcusdt-trades.ndjson'), folder.path, '--partitions', '5'),
    2,
    '12 partitions',
    '--partitions 12',
  )
})

test('broken lines of a recording are kept aside, and their neighbours pass', async () => {
  using folder = temporaryFolder()
  const lines = (await Bun.file(fixture('btcusdt-trades.ndjson')).text()).split('\n')
  const broken = [
    '{"received":1610064000350,"frame":',
    'Bad Gateway',
    '{"received":1610064000360,"frame":"{\\"type\\":\\"trade\\"}"}',
    '{"received":"x","frame":"{}"}',
    '',
  ]
  const file = join(folder.path, 'broken.ndjson')
  writeFileSync(file, [...lines.slice(0, 100), ...broken, ...lines.slice(100)].join('\r\n'))
  const run = await stockpipe(replayArgs(file, join(folder.path, 'data')))
  expect(run.code).toBe(0)
  expect(run.stderr).toContain('"line":101')
  expect((await exported('trades', join(folder.path, 'data'))).length).toBe(2001)
})
