import type { Durability } from './store.ts'
import { retry } from './retry.ts'
import { StockpipeError } from '../errors.ts'
import type { Context } from '../telemetry.ts'

/**
 * Tells from when on acknowledged rows are there for good: the lag has passed since the acknowledgement, and no server
 * began anew since this watch began. A watch begins before the first row that it is to speak for is written.
 */
export class DurabilityWatch {
  readonly lagMs: number
  readonly #durability: Durability | null
  readonly #generation: string
  readonly #context: Context

  private constructor(watch: { durability: Durability | null; lagMs: number; generation: string; context: Context }) {
    this.#durability = watch.durability
    this.lagMs = watch.lagMs
    this.#generation = watch.generation
    this.#context = watch.context
  }

  static async begin(durability: Durability | null, context: Context, signal: AbortSignal): Promise<DurabilityWatch> {
    if (durability === null) return new DurabilityWatch({ durability, lagMs: 0, generation: '', context })
    const ask = async () => ({ generation: await durability.generation(), lagMs: await durability.lagMs() })
    return new DurabilityWatch({ durability, context, ...(await retry('store', ask, { context, signal })) })
  }

  /** Called when the lag has passed. Throws `store-restarted` where what was acknowledged may be lost. */
  async confirm(signal: AbortSignal): Promise<void> {
    const durability = this.#durability
    if (durability === null) return
    const generation = await retry('store', () => durability.generation(), { context: this.#context, signal })
    if (generation === this.#generation) return
    throw new StockpipeError('store-restarted', 'a server of the store began anew', {
      why: 'it may have lost rows that it had acknowledged',
      hint: 'nothing to do: the rows since the last commit are written again',
    })
  }
}
