/** What docs/troubleshooting.md quotes is what the program says: its own words, with something in the places of what differs. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'

import { stockpipe, temporaryFolder } from './binary.ts'
import { ROOT } from './manual/blocks.ts'
import { readiness, running, until } from './running.ts'
import { systemClock } from '../src/clock.ts'
import { startSimulator } from '../src/ingest/simulator/simulator.ts'
import type { SimulatorOptions } from '../src/ingest/simulator/options.ts'
import { silentLog } from '../src/telemetry.ts'

const PAGE = 'docs/troubleshooting.md'

const page = await Bun.file(join(ROOT, PAGE)).text()
const ANY_PORT = ['--listen', '127.0.0.1:0']

/** Quotes at the beginning of a line of a list, up to the dash behind which the page speaks itself. */
function quotesOf(text: string): string[] {
  const lines = [...text.matchAll(/^- (`.*) — /gm)].map(([, quotes = '']) => quotes)
  return lines.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, quote = '']) => quote))
}

const LITERAL = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\$]|\\.|\$(?!\{)|\$\{(?:[^{}]|\{[^}]*\})*\})*)`/g

/** Every text in the source as a pattern: what is filled in may be anything. */
async function patterns(): Promise<RegExp[]> {
  const files = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)].filter(
    (file) => !/\.(test|fixture|contract)/.test(file),
  )
  const sources = await Promise.all(files.map((file) => Bun.file(join(ROOT, file)).text()))
  return sources.flatMap((source) =>
    [...source.matchAll(LITERAL)].flatMap(([, single, double, template]) => {
      const text = single ?? double ?? template ?? ''
      const fixed = text.replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '\0')
      // Of a text that is little but what is filled in nothing could be wrong.
      if (fixed.replaceAll('\0', '').length < 12) return []
      const escaped = fixed.replaceAll(/\\(.)/g, '$1').replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
      return [new RegExp(`^${escaped.replaceAll('\0', '.+')}$`)]
    }),
  )
}

test('every message that the page quotes is one of the program', async () => {
  const quotes = quotesOf(page)
  expect(quotes.length).toBeGreaterThan(30)
  const known = await patterns()
  const isKnown = (quote: string) => known.some((pattern) => pattern.test(quote))
  expect(quotes.filter((quote) => !isKnown(quote))).toEqual([])
  for (const invented of [
    'port 8080 of 127.0.0.1 is in usage',
    'Finnhub refused the key (HTTP 401)',
    'topic market has 1 parts, not 12',
  ])
    expect([invented, isKnown(invented)]).toEqual([invented, false])
})

/** A quote of the page, its example replaced by what is here. */
function quoted(beginning: string, ...here: readonly (readonly [string, string])[]): string {
  const quote = quotesOf(page).find((text) => text.startsWith(beginning))
  if (quote === undefined) throw new Error(`${PAGE} quotes nothing that begins with "${beginning}"`)
  return here.reduce((text, [example, real]) => text.replace(example, real), quote)
}

/** Waits until a pipeline with these options says it on /readyz. */
async function saysSo(words: readonly string[], quote: string): Promise<void> {
  using folder = temporaryFolder()
  await using run = running(['run', '--data-dir', folder.path, ...ANY_PORT, ...words])
  const url = await run.url()
  const wanted = JSON.stringify(quote).slice(1, -1)
  await until(
    () => readiness(url),
    ({ text }) => text.includes(wanted),
  )
}

async function feedSays(how: Partial<SimulatorOptions>, quote: string): Promise<void> {
  await using simulator = await startSimulator({ port: 0, ...how }, { clock: systemClock, log: silentLog })
  await saysSo(['--finnhub-url', simulator.url], quote)
}

test('a feed that refuses is told in these words', async () => {
  await Promise.all([
    feedSays({ reject: 401 }, quoted('Finnhub refused the token')),
    feedSays({ reject: 429 }, quoted('Finnhub answered the handshake')),
    feedSays({ limit: 2 }, quoted('Finnhub refused some', ['60', '4'])),
  ])
})

test('servers that do not answer are told in these words', async () => {
  const kafka = ['--kafka-brokers', '127.0.0.1:1']
  const cassandra = ['--cassandra-contact-points', '127.0.0.1', '--cassandra-port', '1']
  await Promise.all([
    saysSo(kafka, quoted('no Kafka broker answers', ['kafka:9092', '127.0.0.1:1'])),
    saysSo(cassandra, quoted('Cassandra at cassandra (port 9042) cannot', ['cassandra', '127.0.0.1'], ['9042', '1'])),
  ])
})

test('a port and a folder that are taken, and a role that cannot be alone, are told in these words', async () => {
  using folder = temporaryFolder()
  const data = ['--data-dir', folder.path]
  await using run = running(['run', ...data, ...ANY_PORT])
  const { host, port } = new URL(await run.url())
  const said = async (words: readonly string[]) => (await stockpipe(['run', ...words])).stderr
  using another = temporaryFolder()
  expect(await said(['--data-dir', another.path, '--listen', host])).toContain(quoted('port 8080', ['8080', port]))
  expect(await said([...data, ...ANY_PORT])).toContain(
    quoted('/home/me/stockpipe-data is in use', ['/home/me/stockpipe-data', folder.path]),
  )
  expect(await said(['--role', 'processor', ...ANY_PORT])).toContain(quoted('the role processor'))
})
