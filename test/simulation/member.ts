import type { Joined, SimGroup } from './group.ts'
import type { SimLog } from './log.ts'
import type { Owner, World } from './world.ts'
import { StockpipeError } from '../../src/errors.ts'
import type { Assignment, Broker, Commit } from '../../src/stream/broker.ts'
import type { Health } from '../../src/telemetry.ts'

const HEARTBEAT_MS = 2_500
const SESSION_MS = 10_000
const HAND_OVER_MS = 8_000
/** Nobody waits longer for the answer to a join. */
const JOIN_MS = 20_000

export interface Membership {
  world: World
  log: SimLog
  group: SimGroup
  owner: Owner
  health: Health
  /** Told which partitions this process may write from now on, and that it may not any more. */
  owns: (partition: number, signal: AbortSignal) => void
}

/** The log as one process sees it: each call is a request that may fail, and ownership moves as it does on Kafka. */
export function simBroker(membership: Membership): Broker {
  const { log, owner, health } = membership
  return {
    createTopic: ({ name, partitions }) => log.ask(owner, () => log.create(name, partitions)),
    append: (topic, records) => log.ask(owner, () => log.append(topic, records)),
    bounds: (topic) => log.ask(owner, () => log.bounds(topic)),
    read: (topic, partition, offset, signal) => log.batches(offset, { owner, health, topic, partition, signal }),
    join: (topic, _group, signal) => join(topic, signal, membership),
    [Symbol.asyncDispose]: async () => {},
  }
}

async function* join(topic: string, signal: AbortSignal, membership: Membership): AsyncIterable<Assignment> {
  const { world, owner, group } = membership
  const clock = world.clockOf(owner)
  let lives = 0
  let name = ''
  try {
    while (!signal.aborted) {
      if (name === '') name = `${owner.name}.${++lives}`
      const late = clock.sleep(JOIN_MS, signal).then(() => null)
      const joined = await Promise.race([group.join(name, owner).catch(() => null), late])
      if (joined === null) {
        await clock.sleep(world.dice.between(100, 1_500), signal)
        continue
      }
      const generation = new Generation(topic, { ...membership, member: name, joined })
      const end = () => generation.fence()
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
      const living = live(generation)
      try {
        yield* generation.assignments
        if ((await living) === 'unknown-member') name = ''
      } finally {
        signal.removeEventListener('abort', end)
        end()
        await living
      }
    }
  } finally {
    await group.ask(owner, () => group.leave(name)).catch(() => {})
  }
}

/** Heartbeats, until the partitions are to move or are lost. */
async function live(generation: Generation): Promise<string> {
  const { world, owner } = generation.membership
  const clock = world.clockOf(owner)
  let heardAt = world.now
  for (;;) {
    await clock.sleep(HEARTBEAT_MS, generation.fenced.signal)
    if (generation.fenced.signal.aborted) return 'fenced'
    const askedAt = world.now
    const refusal = await Promise.race([generation.heartbeat(), aborted(generation.fenced.signal)])
    if (refusal === 'rebalance') break
    if (refusal === null) heardAt = askedAt
    else if (refusal !== 'unreachable') {
      generation.fence()
      return refusal
    }
    if (world.now - heardAt < SESSION_MS) continue
    generation.fence()
    return 'unreachable'
  }
  world.note(() => `${owner.name} hands over`)
  generation.revoked.abort()
  const late = new AbortController()
  await Promise.race([
    generation.handedOver,
    clock.sleep(HAND_OVER_MS, AbortSignal.any([late.signal, generation.fenced.signal])),
  ])
  late.abort()
  generation.fence()
  return 'rebalance'
}

class Generation {
  readonly assignments: readonly Assignment[]
  readonly membership: Membership & { member: string; joined: Joined }
  readonly revoked: AbortController
  readonly fenced: AbortController
  readonly handedOver: Promise<unknown>
  readonly #topic: string

  constructor(topic: string, membership: Membership & { member: string; joined: Joined }) {
    this.membership = membership
    this.revoked = membership.world.controller()
    this.fenced = membership.world.controller()
    this.#topic = topic
    const released: Promise<void>[] = []
    this.assignments = membership.joined.owned.map(({ partition, committed }) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      released.push(promise)
      return this.#assign(partition, { committed, release: resolve })
    })
    this.handedOver = Promise.all(released)
  }

  fence(): void {
    this.revoked.abort()
    this.fenced.abort()
  }

  async heartbeat(): Promise<string | null> {
    const { group, owner, member, joined } = this.membership
    return group.ask(owner, () => group.heartbeat(member, joined.generation)).catch(() => 'unreachable')
  }

  #assign(partition: number, { committed, release }: { committed: Commit | null; release: () => void }): Assignment {
    const { log, owner, health, owns } = this.membership
    owns(partition, this.fenced.signal)
    let last = committed
    const topic = this.#topic
    const signal = this.revoked.signal
    return {
      partition,
      signal: this.fenced.signal,
      get committed() {
        return last
      },
      batches: (offset) => log.batches(offset, { owner, health, topic, partition, signal }),
      commit: async (offset, metadata) => {
        await this.#commit(partition, { offset, metadata })
        last = { offset, metadata }
      },
      [Symbol.dispose]: release,
    }
  }

  async #commit(partition: number, commit: Commit): Promise<void> {
    const { group, owner, member, joined } = this.membership
    const { generation } = joined
    if (this.fenced.signal.aborted) throw notOwner()
    if ((await group.ask(owner, () => group.commit(member, { generation, partition, commit }))) === null) return
    this.fence()
    throw notOwner()
  }
}

const notOwner = (): StockpipeError => new StockpipeError('not-owner', 'the partition is not ours any more')

const aborted = (signal: AbortSignal): Promise<null> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    else signal.addEventListener('abort', () => resolve(null), { once: true })
  })
