import type { Connection } from './connection.ts'
import { findCoordinator } from './coordinator.ts'
import { toStockpipeError, typeOf } from './failure.ts'
import type { Node } from './protocol.ts'
import type { Assignment, Batch, Commit } from '../../broker.ts'
import type { Clock } from '../../../clock.ts'
import { StockpipeError } from '../../../errors.ts'

export interface MembershipSettings {
  connection: Connection
  coordinator: Node
  topic: string
  group: string
  generationId: number
  memberId: string
  read(partition: number, offset: number, signal: AbortSignal): AsyncIterable<Batch>
}

const METADATA_BYTES = 4096

/**
 * One generation of a group, as this member has it. Commits carry the generation under which the partition was
 * assigned, so that Kafka refuses those that come too late, whoever owns the partition by then.
 */
export class Membership {
  readonly assignments: readonly Assignment[]
  readonly #settings: MembershipSettings
  readonly #revoked = new AbortController()
  readonly #fenced = new AbortController()
  readonly #handedOver: Promise<unknown>
  /** Null: to be looked for again. */
  #coordinator: Node | null

  constructor(settings: MembershipSettings, owned: readonly { partition: number; committed: Commit | null }[]) {
    this.#settings = settings
    this.#coordinator = settings.coordinator
    const released: Promise<void>[] = []
    const committed = new Map(owned.map((one) => [one.partition, one.committed]))
    this.assignments = owned.map(({ partition }) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      released.push(promise)
      return {
        partition,
        get committed() {
          return committed.get(partition) ?? null
        },
        signal: this.#fenced.signal,
        batches: (offset) => settings.read(partition, offset, this.#revoked.signal),
        commit: async (offset, metadata) => {
          await this.#commit(partition, { offset, metadata })
          committed.set(partition, { offset, metadata })
        },
        [Symbol.dispose]: resolve,
      }
    })
    this.#handedOver = Promise.all(released)
  }

  /** Aborts when the partitions are no longer ours. */
  get fenced(): AbortSignal {
    return this.#fenced.signal
  }

  async heartbeat(): Promise<void> {
    const { group, generationId, memberId } = this.#settings
    await this.#ask((coordinator) =>
      coordinator.heartbeat({ groupId: group, groupGenerationId: generationId, memberId }),
    )
  }

  /** No more records; what the owners have may still be written and committed. */
  revoke(): void {
    this.#revoked.abort()
  }

  /** Nothing more may be written or committed. */
  fence(): void {
    this.#revoked.abort()
    this.#fenced.abort()
  }

  /** Resolves when every owner is done, or when time is up. */
  async handedOver(clock: Clock, limitMs: number): Promise<void> {
    if (this.#fenced.signal.aborted) return
    const late = new AbortController()
    await Promise.race([this.#handedOver, clock.sleep(limitMs, AbortSignal.any([late.signal, this.#fenced.signal]))])
    late.abort()
  }

  /** The coordinator moves when its broker goes: after trouble it is looked for anew. */
  async #ask(request: (coordinator: Node) => Promise<unknown>): Promise<void> {
    const { connection, group } = this.#settings
    await connection.raw(async (cluster) => {
      this.#coordinator ??= await findCoordinator(cluster, group)
      try {
        await request(this.#coordinator)
      } catch (error) {
        this.#coordinator = null
        throw error
      }
    })
  }

  async #commit(partition: number, { offset, metadata }: Commit): Promise<void> {
    const { topic, group, generationId, memberId } = this.#settings
    if (Buffer.byteLength(metadata) > METADATA_BYTES)
      throw new StockpipeError('internal', `commit metadata is larger than ${METADATA_BYTES} bytes`)
    if (this.#fenced.signal.aborted) throw notOwner(partition)
    const topics = [{ topic, partitions: [{ partition, offset: String(offset), metadata }] }]
    try {
      await this.#ask((coordinator) =>
        coordinator.offsetCommit({ groupId: group, groupGenerationId: generationId, memberId, topics }),
      )
    } catch (error) {
      if (!LOST.has(typeOf(error) ?? '')) throw toStockpipeError(error, `commit partition ${partition} of ${topic}`)
      this.fence()
      throw notOwner(partition, error)
    }
  }
}

/** The group has gone on without this member, or is about to. */
const LOST: ReadonlySet<string> = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS'])

const notOwner = (partition: number, cause?: unknown): StockpipeError =>
  new StockpipeError('not-owner', `partition ${partition} is not ours any more`, { cause })
