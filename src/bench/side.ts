import type { Arena } from './arena.ts'
import { type Child, startChild } from './child.ts'
import type { LoadPlan } from './load.ts'
import { StockpipeError } from '../errors.ts'

export const SIDES = ['relay', 'stockpipe'] as const
/** `relay`: see `relay.ts`. `stockpipe`: a process of the role processor. */
export type Side = (typeof SIDES)[number]

const WORDS = { relay: ['bench', 'relay'], stockpipe: ['run'] } as const satisfies Record<Side, readonly string[]>

const WARM_UP_MS = 90_000

export function startSide(side: Side, { settings }: Arena, folder: string): Child {
  const own = {
    role: ['processor'] as const,
    feed: 'simulated' as const,
    dataDir: folder,
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'warn' as const,
  }
  return startChild(side, WORDS[side], { settings: { ...settings, ...own } })
}

export const startLoad = (plan: LoadPlan, { settings }: Arena): Child =>
  startChild('load', ['bench', 'load'], { settings, input: JSON.stringify(plan) })

/** Waits until a trade of every partition went all the way. Throws when the side ends or does not get there. */
export async function warmUp(side: Child, { prober }: Arena, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(WARM_UP_MS)
  if (await prober.isThrough(AbortSignal.any([signal, side.gone, late]))) return
  signal.throwIfAborted()
  throw sideFailed(side)
}

export const sideFailed = (side: Child): StockpipeError =>
  new StockpipeError('internal', side.gone.aborted ? `${side.name} ended too early` : `${side.name} stores nothing`, {
    why: side.lastWords(),
  })
