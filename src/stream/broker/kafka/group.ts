import { MemberAssignment, MemberMetadata } from './internals.ts'

import { Connection, type ConnectionSettings } from './connection.ts'
import { findCoordinator } from './coordinator.ts'
import { toStockpipeError, typeOf } from './failure.ts'
import { Membership } from './membership.ts'
import type { JoinedGroup, Node } from './protocol.ts'
import type { Assignment, Batch, Commit } from '../../broker.ts'
import { Trouble } from '../../trouble.ts'
import type { Clock } from '../../../clock.ts'
import type { Health, Log } from '../../../telemetry.ts'

export interface GroupSettings extends ConnectionSettings {
  clock: Clock
  log: Log
  health: Health
  onRebalance?: () => void
  topic: string
  group: string
  read(partition: number, offset: number, signal: AbortSignal): AsyncIterable<Batch>
}

/** The name under which members agree how partitions are shared out. */
const PROTOCOL = 'stockpipe'
/** A member that dies without a word is missed after this time: the least that brokers allow unless told otherwise. */
const SESSION_MS = 6_000
/** Where a broker asks for a longer one. */
const LONG_SESSION_MS = 30_000
const HEARTBEAT_MS = 1_000
/** How long owners may take to write and commit what they have once partitions are to move. */
const REBALANCE_MS = 15_000
const HAND_OVER_MS = 8_000
const LEAVE_MS = 2_000
const RETRY_FIRST_MS = 100
const RETRY_LONGEST_MS = 2_000

/**
 * Membership of a consumer group, one generation after the other: join, own partitions, hand them over, join again.
 * A partition is given back in two steps: first its batches end, so that the owner can write and commit what it has;
 * then its signal aborts. A member that cannot reach the coordinator for a session has lost its partitions: others may own them.
 */
export class Group {
  readonly #settings: GroupSettings
  readonly #connection: Connection
  readonly #trouble: Trouble
  #memberId = ''
  #sessionMs = SESSION_MS
  #failures = 0

  constructor(settings: GroupSettings) {
    this.#settings = settings
    this.#connection = new Connection(settings, [settings.topic])
    this.#trouble = new Trouble('log', settings)
  }

  /** Yields each partition as it becomes ours, until `signal` aborts; then leaves the group. */
  async *join(signal: AbortSignal): AsyncIterable<Assignment> {
    try {
      while (!signal.aborted) {
        const membership = await this.#enter(signal)
        if (membership === null || signal.aborted) continue
        // Whoever ends the join has no more to write.
        const end = () => membership.fence()
        signal.addEventListener('abort', end)
        const living = this.#live(membership)
        try {
          yield* membership.assignments
          await living
        } finally {
          signal.removeEventListener('abort', end)
          end()
          await living
        }
      }
    } finally {
      await this.#leave()
      await this.#connection[Symbol.asyncDispose]()
    }
  }

  /** Null after a failure, when it is time to try again. The others may take long to join: whoever stops does not wait. */
  async #enter(signal: AbortSignal): Promise<Membership | null> {
    const interrupt = () => void this.#connection[Symbol.asyncDispose]()
    signal.addEventListener('abort', interrupt)
    try {
      return await this.#joined()
    } catch (error) {
      if (!signal.aborted) await this.#failed(error, signal)
      return null
    } finally {
      signal.removeEventListener('abort', interrupt)
    }
  }

  #joined(): Promise<Membership> {
    const { group, topic, log, onRebalance } = this.#settings
    return this.#connection.raw(async (cluster) => {
      const coordinator = await findCoordinator(cluster, group)
      const joined = await coordinator.joinGroup({
        groupId: group,
        sessionTimeout: this.#sessionMs,
        rebalanceTimeout: REBALANCE_MS,
        memberId: this.#memberId,
        groupProtocols: [{ name: PROTOCOL, metadata: metadataOf(topic) }],
        onMemberId: (memberId) => (this.#memberId = memberId),
      })
      this.#memberId = joined.memberId
      await cluster.refreshMetadata()
      const count = cluster.findTopicPartitionMetadata(topic).length
      const { memberAssignment } = await coordinator.syncGroup({
        groupId: group,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupAssignment: joined.leaderId === joined.memberId ? shareOut(joined, topic, count) : [],
      })
      const partitions = MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? []
      const committed = await committedOf(coordinator, { group, topic, partitions })
      this.#failures = 0
      this.#trouble.over()
      onRebalance?.()
      log.info('log.joined', { group, generation: joined.generationId, partitions })
      const { generationId, memberId } = joined
      return new Membership(
        { ...this.#settings, connection: this.#connection, coordinator, generationId, memberId },
        committed,
      )
    })
  }

  /** Heartbeats, until the partitions are to move or are lost. */
  async #live(membership: Membership): Promise<void> {
    const { clock, log, group } = this.#settings
    let heardAt = clock.now()
    for (;;) {
      await clock.sleep(HEARTBEAT_MS, membership.fenced)
      if (membership.fenced.aborted) return
      const askedAt = clock.now()
      const failure = await this.#heartbeat(membership, heardAt + this.#sessionMs - askedAt)
      if (failure === null) heardAt = askedAt
      const type = typeOf(failure) ?? ''
      if (type === 'REBALANCE_IN_PROGRESS') break
      if (type === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
      if (!LOST.has(type) && clock.now() - heardAt < this.#sessionMs) continue
      log.warn('log.ownership_lost', { group, why: toStockpipeError(failure, `stay in group ${group}`).message })
      return membership.fence()
    }
    log.info('log.handing_over', { group })
    membership.revoke()
    const done = new AbortController()
    const beating = this.#beat(membership, AbortSignal.any([done.signal, membership.fenced]))
    await membership.handedOver(clock, HAND_OVER_MS)
    membership.fence()
    done.abort()
    await beating
  }

  /** Who hands over is still a member: its commits count only as long as it is heard. */
  async #beat(membership: Membership, signal: AbortSignal): Promise<void> {
    const { clock } = this.#settings
    while (!signal.aborted) {
      const type = typeOf(await this.#heartbeat(membership, this.#sessionMs)) ?? ''
      if (type === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
      if (LOST.has(type)) return membership.fence()
      await clock.sleep(HEARTBEAT_MS, signal)
    }
  }

  /** Resolves to what it failed with, or to null. Nobody waits for an answer once the session or the membership has ended. */
  async #heartbeat(membership: Membership, limitMs: number): Promise<unknown> {
    const answered = new AbortController()
    const heartbeat = membership.heartbeat().then(
      () => null,
      (error: unknown) => error,
    )
    const late = this.#settings.clock
      .sleep(Math.max(0, limitMs), AbortSignal.any([answered.signal, membership.fenced]))
      .then(() => new Error('the coordinator of the group does not answer'))
    const failure = await Promise.race([heartbeat, late])
    answered.abort()
    return failure
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, group } = this.#settings
    const type = typeOf(error) ?? ''
    if (type === 'UNKNOWN_MEMBER_ID' || type === 'FENCED_INSTANCE_ID') this.#memberId = ''
    if (type === 'INVALID_SESSION_TIMEOUT') this.#sessionMs = LONG_SESSION_MS
    const failure = toStockpipeError(error, `join group ${group}`)
    if (!PASSING.has(type) || this.#failures > 5) this.#trouble.failed(failure)
    await clock.sleep(Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failures++, 10)), signal)
  }

  /** So that the others need not wait for the end of the session. */
  async #leave(): Promise<void> {
    const { clock, group } = this.#settings
    this.#trouble[Symbol.dispose]()
    if (this.#memberId === '') return
    const memberId = this.#memberId
    this.#memberId = ''
    const gaveUp = new AbortController()
    await using connection = new Connection(this.#settings)
    const leaving = connection.raw(async (cluster) =>
      (await findCoordinator(cluster, group)).leaveGroup({ groupId: group, memberId }),
    )
    await Promise.race([leaving.catch(() => {}), clock.sleep(LEAVE_MS, gaveUp.signal)])
    gaveUp.abort()
  }
}

/** Somebody else may own the partitions already. */
const LOST: ReadonlySet<string> = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'])

/** Part of every rebalance. */
const PASSING: ReadonlySet<string> = new Set([
  'INVALID_SESSION_TIMEOUT',
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
])

const NOTHING = Buffer.alloc(0)

const metadataOf = (topic: string): Buffer => MemberMetadata.encode({ version: 1, topics: [topic], userData: NOTHING })

/** Partition p goes to member p mod n, members in the order of their ids. */
function shareOut({ members }: JoinedGroup, topic: string, count: number) {
  const ids = members.map(({ memberId }) => memberId).sort()
  return ids.map((memberId, at) => {
    const partitions = Array.from({ length: count }, (_, partition) => partition)
    const own = partitions.filter((partition) => partition % ids.length === at)
    const assignment = { version: 1, assignment: { [topic]: own }, userData: NOTHING }
    return { memberId, memberAssignment: MemberAssignment.encode(assignment) }
  })
}

/** What a group committed last, without being of it. */
export const committedBy = (connection: Connection, topic: string, group: string): Promise<(Commit | null)[]> =>
  connection.use(`ask what group ${group} committed`, async (cluster) => {
    const partitions = cluster.findTopicPartitionMetadata(topic).map((_, partition) => partition)
    const coordinator = await findCoordinator(cluster, group)
    return (await committedOf(coordinator, { group, topic, partitions })).map(({ committed }) => committed)
  })

async function committedOf(
  coordinator: Node,
  { group, topic, partitions }: { group: string; topic: string; partitions: readonly number[] },
) {
  if (partitions.length === 0) return []
  const topics = [{ topic, partitions: partitions.map((partition) => ({ partition })) }]
  const { responses } = await coordinator.offsetFetch({ groupId: group, topics })
  return responses
    .flatMap(({ partitions }) => partitions)
    .sort((a, b) => a.partition - b.partition)
    .map(({ partition, offset, metadata }) => ({
      partition,
      committed: Number(offset) < 0 ? null : { offset: Number(offset), metadata: metadata ?? '' },
    }))
}
