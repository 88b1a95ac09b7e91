import type { Owner, World } from './world.ts'
import { StockpipeError } from '../../src/errors.ts'

/** How often a request goes wrong; all 0: never. */
export interface Trouble {
  /** It is refused, and had no effect. */
  refused: number
  /** No answer comes: half of these took effect, the others do so later, or never. */
  unanswered: number
  /** Whoever asks is not allowed to: somebody mends that after a while. */
  denied: number
  /** What no retry cures: the process ends. */
  fatal: number
}

export const NO_TROUBLE: Trouble = { refused: 0, unanswered: 0, denied: 0, fatal: 0 }
/** The words of an error that this simulator made up to end a process. */
export const MADE_UP = 'made up by the simulator'

/** How long a request may be under way after whoever sent it has given it up. */
const LINGERS_MS = 40_000

/** A machine that answers requests, sometimes. */
export class Server {
  readonly name: string
  readonly world: World
  trouble: Trouble = NO_TROUBLE
  isDown = false
  /** Changes when it starts anew: what was under way to the one before is gone. */
  life = 0

  constructor(name: string, world: World) {
    this.name = name
    this.world = world
  }

  /** `effect` happens when the request arrives; `part` instead, where it breaks off in between. */
  ask<Result>(owner: Owner, effect: () => Result, part: () => void = effect): Promise<Result> {
    const { world } = this
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const answer = (give: () => void) => world.after(world.moment(), give, owner)
    world.after(world.moment(), () => {
      const dice = world.dice
      const { refused, unanswered, denied, fatal } = this.trouble
      const fate = dice.next()
      if (this.isDown || fate < refused) return answer(() => reject(this.#error('is not reachable')))
      if (fate < refused + unanswered) {
        if (dice.chance(0.5)) part()
        else if (dice.chance(0.7)) this.#later(effect)
        return answer(() => reject(this.#error('does not answer')))
      }
      if (fate < refused + unanswered + denied) return answer(() => reject(this.#denied()))
      if (fate < refused + unanswered + denied + fatal)
        return answer(() => reject(new StockpipeError('corrupt', MADE_UP)))
      try {
        const result = effect()
        answer(() => resolve(result))
      } catch (error) {
        answer(() => reject(toError(error)))
      }
    })
    return promise
  }

  #later(effect: () => unknown): void {
    const { life } = this
    const lingering = () => {
      if (this.isDown || this.life !== life) return
      try {
        effect()
      } catch {
        // Nobody hears the answer.
      }
    }
    this.world.after(this.world.dice.upTo(LINGERS_MS), lingering)
  }

  #error(what: string): StockpipeError {
    return new StockpipeError('unreachable', `${this.name} ${what}`, { retryable: true })
  }

  #denied(): StockpipeError {
    return new StockpipeError('auth', `${this.name} refuses the password`, { mendable: true })
  }
}

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
