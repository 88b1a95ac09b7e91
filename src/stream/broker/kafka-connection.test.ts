import { createServer, type Server } from 'node:net'
import { join } from 'node:path'

import { afterAll, describe, expect, test } from 'bun:test'

import { until } from '../../../test/until.ts'
import { kafkaForTests } from '../../../test/services/services.ts'
import { failureOf, newName, openBroker, record, thirdParty } from './kafka.fixture.ts'
import { Connection } from './kafka/connection.ts'
import { TopicReader } from './kafka/reader.ts'
import { systemClock } from '../../clock.ts'
import { Health, silentLog } from '../../telemetry.ts'

const kafka = await kafkaForTests()
const brokers = kafka?.brokers ?? []
const NOWHERE = '127.0.0.1:1'

interface Report {
  cpuMs: number
  fetched: number
  closeMs: number
  reason: string | null
  topic: string
  /** From the end of its last line to the end of the process. */
  lingeredMs: number
}

async function runProcess(address: string, idleMs: number, mode: 'there' | 'away'): Promise<Report> {
  const script = join(import.meta.dir, 'kafka-process.fixture.ts')
  const child = Bun.spawn([process.execPath, script, address, String(idleMs), mode], { stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  const endedAt = Date.now()
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const report = JSON.parse(stdout) as Report & { closedAt: number }
  return { ...report, lingeredMs: endedAt - report.closedAt }
}

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(kafka === null)('connections to Kafka', () => {
  const admin = thirdParty(brokers).admin()
  const topics: string[] = []
  afterAll(async () => {
    await admin.connect()
    await admin.deleteTopics({ topics })
    await admin.disconnect()
  })

  test.concurrent('twelve idle partitions cost next to nothing, and closing leaves neither socket nor timer', async () => {
    const { cpuMs, fetched, closeMs, lingeredMs, topic } = await runProcess(brokers.join(), 3_000, 'there')
    topics.push(topic)
    // One fetch in 100 ms for all of them together.
    expect(fetched / 12).toBeLessThan(3_000 / 100 + 5)
    expect(cpuMs).toBeLessThan(300)
    expect(closeMs).toBeLessThan(1_000)
    expect(lingeredMs).toBeLessThan(1_000)
  }, 30_000)

  test.concurrent('closing is quick when nobody is there, whatever is under way', async () => {
    const { closeMs, lingeredMs } = await runProcess(NOWHERE, 0, 'away')
    expect(closeMs).toBeLessThan(4_000)
    expect(lingeredMs).toBeLessThan(1_000)
  }, 30_000)

  test.concurrent('a name that does not resolve is named; with another broker in the list all works', async () => {
    await using lost = openBroker(['kafka.invalid:9092'])
    const failure = await failureOf(lost.broker.createTopic({ name: newName(), partitions: 1 }))
    expect(failure).toMatchObject({ code: 'unreachable', retryable: true })
    expect(String(failure)).toContain('kafka.invalid:9092')
    expect(String(failure)).toContain('does not resolve')
    await using one = openBroker(['kafka.invalid:9092', NOWHERE, ...brokers])
    const topic = newName()
    topics.push(topic)
    await until(
      () => one.broker.createTopic({ name: topic, partitions: 1 }).catch(() => null),
      (count) => count === 1,
    )
    await until(
      () => one.broker.append(topic, [record('1')]).catch(() => null),
      (appended) => appended !== null,
    )
  }, 30_000)

  test.concurrent('another number of partitions is refused, with what to do', async () => {
    await using one = openBroker(brokers)
    const topic = newName()
    topics.push(topic)
    await one.broker.createTopic({ name: topic, partitions: 3 })
    expect(await failureOf(one.broker.createTopic({ name: topic, partitions: 4 }))).toMatchObject({
      code: 'topic-mismatch',
      mendable: true,
      hint: 'run with --partitions 3, or with another --kafka-topic',
    })
  })

  test.concurrent("trouble of readers that have gone is nobody's trouble", async () => {
    const health = new Health()
    await using reader = new TopicReader('away', {
      brokers: [NOWHERE],
      tls: null,
      sasl: null,
      log: silentLog,
      clock: systemClock,
      health,
      bounds: async () => [],
    })
    const abort = new AbortController()
    const ended = (async () => {
      for await (const _batch of reader.read(0, 0, abort.signal)) continue
    })()
    await until(
      () => health.reason('log'),
      (reason) => reason !== null,
    )
    abort.abort()
    await ended
    expect(health.reason('log')).toBeNull()
    await Bun.sleep(500)
    expect(health.reason('log')).toBeNull()
  })

  test.concurrent('what was given up opens no socket any more, whoever still holds it', async () => {
    const settings = { brokers, tls: null, sasl: null, log: silentLog }
    const connection = new Connection(settings)
    const held = await connection.raw(async (cluster) => cluster)
    await connection[Symbol.asyncDispose]()
    expect(await failureOf(held.connect())).toBeInstanceOf(Error)
    expect(await failureOf(held.refreshMetadata())).toBeInstanceOf(Error)
  })

  test.concurrent('a server that accepts and says nothing is given up', async () => {
    const server: Server = createServer(() => {})
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    const one = openBroker([`127.0.0.1:${port}`])
    const failure = await failureOf(one.broker.append(newName(), [record('1')]))
    expect(failure).toMatchObject({ code: 'unreachable', retryable: true })
    const startedAt = Date.now()
    await one[Symbol.asyncDispose]()
    expect(Date.now() - startedAt).toBeLessThan(4_000)
    server.close()
  }, 30_000)
})
