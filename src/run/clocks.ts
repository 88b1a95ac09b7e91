/** Watches, in the api, whether the clocks on the way of the trades can all be right. */
import { type ClockDoubt, clockDoubt } from '../clock-doubt.ts'
import { type Hop, HOPS, type Latencies } from '../latency.ts'
import type { Context } from '../telemetry.ts'

const EVERY_MS = 5_000
/** The component on /readyz and /statusz: a warning, for everything works by what the trades say. */
const COMPONENT = 'clocks'

export class ClockWatch {
  readonly #latencies: Latencies
  readonly #context: Context
  readonly #hops: readonly Hop[]
  readonly #doubts = new Map<Hop, ClockDoubt>()

  /** `hasFeed`: the producer is in this process, and looks after the feed's clock itself. */
  constructor(latencies: Latencies, context: Context, { hasFeed }: { hasFeed: boolean }) {
    this.#latencies = latencies
    this.#context = context
    this.#hops = HOPS.filter((hop) => hop !== 'exchange_receive' || !hasFeed)
  }

  get doubts(): readonly ClockDoubt[] {
    return [...this.#doubts.values()]
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.look()
      await this.#context.clock.sleep(EVERY_MS, signal)
    }
  }

  look(): void {
    for (const hop of this.#hops) this.#judge(hop, clockDoubt(hop, this.#latencies, this.#doubts.has(hop)))
    const [first] = this.#doubts.values()
    const { health } = this.#context
    health.warn(COMPONENT, first === undefined ? null : `${first.why}; ${first.try}`)
  }

  #judge(hop: Hop, doubt: ClockDoubt | null): void {
    const { log, metrics } = this.#context
    const before = this.#doubts.get(hop)
    metrics.clockSkew.set({ hop }, (doubt?.off_ms ?? 0) / 1000)
    if (doubt === null) this.#doubts.delete(hop)
    else this.#doubts.set(hop, doubt)
    if (before === undefined && doubt !== null) log.warn('clocks.differ', { ...doubt })
    if (before !== undefined && doubt === null) log.info('clocks.agree', { hop })
  }
}
