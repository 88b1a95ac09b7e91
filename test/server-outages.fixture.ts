/** Servers that go away and come back, and what the three roles make of it. */
import { expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { temporaryFolder } from './binary.ts'
import { running, until } from './running.ts'
import {
  BASE,
  cassandraArgs,
  type FaultyServers,
  kafkaArgs,
  market,
  passwords,
  readyOnce,
} from './server-faults.fixture.ts'

export interface Outage {
  begin(): unknown
  end(): unknown
  /** Who notices, and what /readyz says there. */
  noticed: readonly ('producer' | 'processor' | 'api')[]
  reason: RegExp
}

/** Three processes as they are deployed, and a market that writes down what it sent. */
async function deployment(servers: FaultyServers, name: string, folder: string) {
  const truth = join(folder, 'truth.ndjson')
  const { simulator, url } = await market('--rate', '60', '--truth', truth)
  const start = (role: string, ...args: string[]) =>
    running([...BASE, '--role', role, ...kafkaArgs(servers, name), ...args], passwords())
  const store = cassandraArgs(servers, name)
  const roles = {
    producer: start('producer', '--finnhub-url', url, '--data-dir', join(folder, 'producer')),
    processor: start('processor', ...store),
    api: start('api', ...store),
  }
  const everybody = Object.values(roles)
  const isReady = async () => {
    for (const run of everybody) await readyOnce(await run.url(), ({ status }) => status === 200)
  }
  return {
    ...roles,
    everybody,
    isReady,
    /** Stops the market, and waits until all that it sent is stored. */
    async compare() {
      expect(await simulator.stop()).toBe(0)
      const sent = sentTrades(truth)
      const stored = await until(
        () => storedTrades(servers, name),
        (found) => total(found) >= total(sent),
      )
      return { sent: total(sent), wrong: unequal(sent, stored) }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([simulator, ...everybody].map((run) => run[Symbol.asyncDispose]()))
    },
  }
}

/** Servers away for `ms`, one way after the other: it is said, nobody ends or spins, and all of it is stored once. */
export async function survive(servers: FaultyServers, outages: readonly Outage[], ms: number): Promise<void> {
  using folder = temporaryFolder()
  await using all = await deployment(servers, `t${crypto.randomUUID().replaceAll('-', '')}`, folder.path)
  await all.isReady()
  for (const outage of outages) {
    const before = all.everybody.map((run) => ({ cpu: cpuSeconds(run.child.pid), lines: run.lines().length }))
    await outage.begin()
    const isOver = Bun.sleep(ms)
    for (const role of outage.noticed)
      await readyOnce(await all[role].url(), ({ status, text }) => status === 503 && outage.reason.test(text))
    await isOver
    for (const [index, { child }] of all.everybody.entries()) {
      expect(child.exitCode).toBeNull()
      expect(cpuSeconds(child.pid) - (before[index]?.cpu ?? 0)).toBeLessThan((0.3 * ms) / 1_000 + 1)
    }
    await outage.end()
    await all.isReady()
    for (const [index, run] of all.everybody.entries()) {
      const since = run.lines().slice(before[index]?.lines)
      if (process.env['SHOW'] !== undefined) console.log(since)
      expect(since.filter(({ event }) => event.endsWith('.retrying')).length).toBeLessThanOrEqual(3)
      expect(since.length).toBeLessThanOrEqual(20)
    }
  }
  // What was sent while nobody listened is in no book.
  expect([...all.producer.named('feed.lost'), ...all.producer.named('feed.loss.begin')]).toEqual([])
  const { sent, wrong } = await all.compare()
  expect(wrong).toEqual([])
  expect(sent).toBeGreaterThan(ms / 200)
  for (const run of all.everybody) expect(await run.stop()).toBe(0)
}

/** CPU time that a process has used, s; 0 where that is not told. */
function cpuSeconds(pid: number): number {
  if (process.platform !== 'linux') return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** How often each trade was sent, by symbol, time, price and volume. */
function sentTrades(truthFile: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const line of readFileSync(truthFile, 'utf8').split('\n').filter(Boolean)) {
    const { frame } = JSON.parse(line) as { frame: string }
    const { data = [] } = JSON.parse(frame) as { data?: { s: string; t: number; p: number; v: number }[] }
    for (const { s, t, p, v } of data) count(counts, `${s} ${t} ${p} ${v}`)
  }
  return counts
}

/** The same for what the store holds. */
async function storedTrades({ cql }: FaultyServers, keyspace: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  const select = `SELECT symbol, trade_ts, price, volume FROM "${keyspace}".trades`
  const rows = await cql.execute(select, [], { prepare: true, fetchSize: 1_000 })
  for await (const row of rows) {
    const at = (row['trade_ts'] as Date).getTime()
    count(counts, `${row['symbol']} ${at} ${row['price']} ${row['volume']}`)
  }
  return counts
}

const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)

/** What is not in both as often, as sentences. */
function unequal(sent: Map<string, number>, stored: Map<string, number>): string[] {
  return [...new Set([...sent.keys(), ...stored.keys()])]
    .filter((key) => sent.get(key) !== stored.get(key))
    .map((key) => `${key}: sent ${sent.get(key) ?? 0}, stored ${stored.get(key) ?? 0}`)
}

const total = (counts: Map<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0)
