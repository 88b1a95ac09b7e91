import type { SimLog } from './log.ts'
import { Server } from './server.ts'
import type { Owner, World } from './world.ts'
import type { Commit } from '../../src/stream/broker.ts'

export type Refusal = 'unknown-member' | 'illegal-generation' | 'rebalance'

export interface Joined {
  generation: number
  owned: { partition: number; committed: Commit | null }[]
}

interface Member {
  heardAt: number
  /** Set while it waits for the next generation. */
  joined: ((joined: Joined) => void) | null
}

const SESSION_MS = 10_000
const REBALANCE_MS = 15_000
const SWEEP_MS = 2_500

/** The coordinator of the consumer group: who owns what in which generation, and what was committed. */
export class SimGroup extends Server {
  readonly committed = new Map<number, Commit>()
  generation = 0
  /** Told of every commit that takes effect. */
  onCommit: (partition: number, commit: Commit) => void = () => {}
  readonly #members = new Map<string, Member>()
  readonly #log: SimLog
  readonly #topic: string
  #joining: { since: number } | null = null

  constructor(world: World, { log, topic }: { log: SimLog; topic: string }) {
    super('the coordinator', world)
    this.#log = log
    this.#topic = topic
    this.#sweep()
  }

  /** Resolves with the next generation. */
  async join(member: string, owner: Owner): Promise<Joined> {
    const { promise, resolve } = Promise.withResolvers<Joined>()
    await this.ask(owner, () => {
      const joined = (result: Joined) => this.world.after(this.world.moment(), () => resolve(result), owner)
      this.#members.set(member, { heardAt: this.world.now, joined })
      this.#joining ??= { since: this.world.now }
      this.world.after(this.world.dice.upTo(1_000), () => this.#completeIfAll())
    })
    return promise
  }

  heartbeat(member: string, generation: number): Refusal | null {
    const known = this.#members.get(member)
    if (known === undefined) return 'unknown-member'
    known.heardAt = this.world.now
    if (generation !== this.generation) return 'illegal-generation'
    return this.#joining === null ? null : 'rebalance'
  }

  leave(member: string): void {
    if (!this.#members.delete(member)) return
    if (this.#members.size > 0) this.#joining ??= { since: this.world.now }
    this.#completeIfAll()
  }

  commit(member: string, { generation, partition, commit }: { generation: number; partition: number; commit: Commit }) {
    const isMember = this.#members.has(member)
    if (!isMember || generation !== this.generation) this.world.saw('commit-refused')
    if (!isMember) return 'unknown-member' as const
    if (generation !== this.generation) return 'illegal-generation' as const
    this.world.note(
      () => `commit of ${member} (generation ${generation}): partition ${partition} ${JSON.stringify(commit)}`,
    )
    this.committed.set(partition, commit)
    this.onCommit(partition, commit)
    return null
  }

  #sweep(): void {
    this.world.after(SWEEP_MS, () => {
      const { now } = this.world
      for (const [name, member] of this.#members) {
        const isLate = this.#joining !== null && now - this.#joining.since > REBALANCE_MS
        if (member.joined !== null || (now - member.heardAt <= SESSION_MS && !isLate)) continue
        this.world.saw('member-given-up')
        this.world.note(() => `the coordinator gives up ${name}`)
        this.#members.delete(name)
        this.#joining ??= { since: now }
      }
      this.#completeIfAll()
      this.#sweep()
    })
  }

  #completeIfAll(): void {
    if (this.#joining === null || this.#members.size === 0) return
    const members = [...this.#members].sort(([a], [b]) => (a < b ? -1 : 1))
    if (members.some(([, { joined }]) => joined === null)) return
    this.#joining = null
    this.generation++
    const partitions = this.#log.topics.get(this.#topic)?.length ?? 0
    for (const [at, [name, member]] of members.entries()) {
      const mine = Array.from({ length: partitions }, (_, partition) => partition).filter(
        (p) => p % members.length === at,
      )
      this.world.note(() => `generation ${this.generation}: ${name} owns ${mine.join()}`)
      member.heardAt = this.world.now
      member.joined?.({
        generation: this.generation,
        owned: mine.map((partition) => ({ partition, committed: this.committed.get(partition) ?? null })),
      })
      member.joined = null
    }
  }
}
