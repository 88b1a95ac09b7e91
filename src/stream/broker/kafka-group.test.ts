import { afterAll, describe, expect, test } from 'bun:test'

import { until } from '../../../test/until.ts'
import { kafkaForTests } from '../../../test/services/services.ts'
import { failureOf, Member, newName, openBroker, type OpenedBroker, record, thirdParty } from './kafka.fixture.ts'
import { Connection } from './kafka/connection.ts'
import { findCoordinator } from './kafka/coordinator.ts'
import type { Assignment } from '../broker.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'

const kafka = await kafkaForTests()
const brokers = kafka?.brokers ?? []

// No Java, no servers: test/services says so, and fails where CI is set.
describe.skipIf(kafka === null)('a group on Kafka', () => {
  const opened: OpenedBroker[] = []
  const topics: string[] = []
  afterAll(async () => {
    for (const one of opened) await one[Symbol.asyncDispose]()
    const admin = thirdParty(brokers).admin()
    await admin.connect()
    await admin.deleteTopics({ topics })
    await admin.disconnect()
  })
  const open = (more: Parameters<typeof openBroker>[1] = {}): OpenedBroker => {
    const one = openBroker(brokers, more)
    opened.push(one)
    return one
  }
  const newTopic = async (partitions: number): Promise<string> => {
    const topic = newName()
    await open().broker.createTopic({ name: topic, partitions })
    topics.push(topic)
    return topic
  }

  test.concurrent('who is told to stop while it waits to join is gone at once, and is not waited for', async () => {
    const topic = await newTopic(2)
    let rebalances = 0
    const first = new Member(open({ onRebalance: () => rebalances++ }).broker, { topic, group: topic })
    await until(
      () => first.partitions.length,
      (count) => count === 2,
    )
    expect(rebalances).toBe(1)
    // The first one does not hand over, so this one waits.
    const second = new Member(open().broker, { topic, group: topic })
    await Bun.sleep(600)
    const startedAt = Date.now()
    await second.leave()
    // The first one may keep what it has for 8 s.
    expect(Date.now() - startedAt).toBeLessThan(4_000)
    for (const assignment of first.given) assignment[Symbol.dispose]()
    const gaveUpAt = Date.now()
    await until(
      () => first.partitions.length === 2 && first.given.length > 2,
      (isBack) => isBack,
    )
    expect(Date.now() - gaveUpAt).toBeLessThan(5_000)
    expect(rebalances).toBeGreaterThan(1)
    await first.leave()
  }, 30_000)

  test.concurrent('partitions move after their owner has committed, and nobody ever owns one twice', async () => {
    const topic = await newTopic(4)
    const { broker } = open()
    const members: Member[] = []
    const twice: number[] = []
    const lost: string[] = []
    const done = new Map<number, number>()
    const own = async (assignment: Assignment, self: () => Member) => {
      const { partition, committed } = assignment
      if (members.some((member) => member !== self() && member.owned.has(partition))) twice.push(partition)
      let next = committed?.offset ?? 0
      if (next !== (done.get(partition) ?? 0)) lost.push(`${partition}: ${next} instead of ${done.get(partition)}`)
      for await (const { records } of assignment.batches(next)) {
        for (const { offset } of records) if (offset !== next++) lost.push(`${partition}: ${offset}`)
        if (assignment.signal.aborted) break
      }
      if (!assignment.signal.aborted) {
        await assignment.commit(next, 'done')
        done.set(partition, next)
      }
      assignment[Symbol.dispose]()
    }
    const join = () => {
      const member: Member = new Member(open().broker, { topic, group: topic }, (assignment) =>
        own(assignment, () => member),
      )
      members.push(member)
      return member
    }
    const everybodyHas = (...counts: number[]) =>
      until(
        () => members.map((member) => member.partitions.length).sort(),
        (owned) => owned.join() === counts.join(),
      )
    let appended = 0
    const stop = new AbortController()
    const writing = (async () => {
      for (; !stop.signal.aborted; appended++) {
        await broker.append(
          topic,
          [0, 1, 2, 3].map((partition) => record(String(appended), { partition })),
        )
        await Bun.sleep(20)
      }
    })()
    join()
    await everybodyHas(4)
    join()
    await everybodyHas(2, 2)
    // Two at the same moment.
    join()
    join()
    await everybodyHas(1, 1, 1, 1)
    stop.abort()
    await writing
    expect(twice).toEqual([])
    expect(lost).toEqual([])
    expect(Math.min(...done.values())).toBeGreaterThan(0)
    await Promise.all(members.map((member) => member.leave()))
  }, 40_000)

  test.concurrent('a member that falls silent loses its partitions within a session, and Kafka refuses its commits', async () => {
    const topic = await newTopic(2)
    let isSilent = false
    const silent: Clock = {
      ...systemClock,
      sleep: (ms, signal) => (isSilent ? new Promise(() => {}) : systemClock.sleep(ms, signal)),
    }
    const mute = openBroker(brokers, { clock: silent })
    opened.push(mute)
    const old = new Member(mute.broker, { topic, group: topic })
    await until(
      () => old.partitions.length,
      (count) => count === 2,
    )
    await old.owned.get(0)?.commit(5, 'old')
    isSilent = true
    const startedAt = Date.now()
    const heir = new Member(open().broker, { topic, group: topic })
    await until(
      () => heir.partitions.length,
      (count) => count === 2,
    )
    expect(Date.now() - startedAt).toBeLessThan(9_000)
    expect(heir.owned.get(0)?.committed).toEqual({ offset: 5, metadata: 'old' })
    await heir.owned.get(0)?.commit(7, 'new')
    // The old owner knows of nothing: the answer is Kafka's.
    expect(old.partitions).toEqual([0, 1])
    expect(await failureOf(old.owned.get(0)?.commit(6, 'stale') ?? Promise.resolve())).toMatchObject({
      code: 'not-owner',
    })
    expect(old.partitions).toEqual([])
    await heir.leave()
    const next = new Member(open().broker, { topic, group: topic })
    await until(
      () => next.partitions.length,
      (count) => count === 2,
    )
    expect(next.owned.get(0)?.committed).toEqual({ offset: 7, metadata: 'new' })
    await next.leave()
  }, 40_000)

  test.concurrent('an owner that does not hand over is waited for 8 s, then its partitions are taken', async () => {
    const topic = await newTopic(2)
    const stubborn = new Member(open().broker, { topic, group: topic })
    await until(
      () => stubborn.partitions.length,
      (count) => count === 2,
    )
    const startedAt = Date.now()
    const second = new Member(open().broker, { topic, group: topic })
    await until(
      () => second.partitions.length,
      (count) => count === 1,
    )
    expect(Date.now() - startedAt).toBeGreaterThan(7_500)
    expect(Date.now() - startedAt).toBeLessThan(11_000)
    expect(stubborn.given.slice(0, 2).every(({ signal }) => signal.aborted)).toBe(true)
    await Promise.all([stubborn.leave(), second.leave()])
  }, 30_000)

  test.concurrent('an owner that the group drops while it hands over knows at once', async () => {
    const topic = await newTopic(2)
    const stubborn = new Member(open().broker, { topic, group: topic })
    await until(
      () => stubborn.partitions.length,
      (count) => count === 2,
    )
    const admin = thirdParty(brokers).admin()
    await admin.connect()
    const { groups } = await admin.describeGroups([topic])
    await admin.disconnect()
    const [{ memberId } = { memberId: '' }] = groups[0]?.members ?? []
    const second = new Member(open().broker, { topic, group: topic })
    // By then the first one hands over: a rebalance is told within a second.
    await systemClock.sleep(1_500)
    expect(stubborn.given.some(({ signal }) => signal.aborted)).toBe(false)
    const startedAt = Date.now()
    await using connection = new Connection({ brokers, tls: null, sasl: null, log: silentLog })
    await connection.raw(async (cluster) =>
      (await findCoordinator(cluster, topic)).leaveGroup({ groupId: topic, memberId }),
    )
    await until(
      () => stubborn.given.slice(0, 2).every(({ signal }) => signal.aborted),
      (isFenced) => isFenced,
    )
    expect(Date.now() - startedAt).toBeLessThan(3_000)
    await Promise.all([stubborn.leave(), second.leave()])
  }, 30_000)

  test.concurrent('a group that another program uses is named, and joined when it has gone', async () => {
    const topic = await newTopic(1)
    const consumer = thirdParty(brokers).consumer({ groupId: topic })
    await consumer.connect()
    await consumer.subscribe({ topic })
    const { promise, resolve } = Promise.withResolvers<void>()
    consumer.on('consumer.group_join', () => resolve())
    await consumer.run({ eachMessage: async () => {} })
    await promise
    const one = open()
    const member = new Member(one.broker, { topic, group: topic })
    await until(
      () => one.health.reason('log') ?? '',
      (reason) => reason.includes('used by another program'),
    )
    await consumer.disconnect()
    await until(
      () => member.partitions.length,
      (count) => count === 1,
    )
    expect(one.health.reason('log')).toBeNull()
    await member.leave()
  }, 30_000)

  test.concurrent('a commit that was made is what the owner itself would start from', async () => {
    const topic = await newTopic(1)
    const member = new Member(open().broker, { topic, group: topic })
    const mine = await until(
      () => member.owned.get(0),
      (assignment) => assignment !== undefined,
    )
    expect(mine?.committed).toBeNull()
    await mine?.commit(3, 'three')
    expect(mine?.committed).toEqual({ offset: 3, metadata: 'three' })
    await member.leave()
  })

  test.concurrent('an owner that does not read keeps its partitions beyond the time of a session', async () => {
    const topic = await newTopic(2)
    const { broker } = open()
    await broker.append(topic, [record('0'), record('1', { partition: 1 })])
    const member = new Member(broker, { topic, group: topic })
    await until(
      () => member.partitions.length,
      (count) => count === 2,
    )
    await systemClock.sleep(7_500)
    expect(member.given).toHaveLength(2)
    expect(member.partitions).toEqual([0, 1])
    await member.owned.get(0)?.commit(1, 'slow')
    await member.leave()
  }, 30_000)
})
