/** `deploy open`: a page of the cluster on this machine, for as long as somebody looks at it. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { ClusterSession } from '../cluster.ts'
import { isGoing, isReady, type Part, type Place, podsOfPart, readyPod } from './workloads.ts'

/** What has a page: its port in the pod, which is also the first choice here. */
export const PAGES = { grafana: 3000, api: 8080, 'kafka-ui': 8080 } as const satisfies Partial<Record<Part, number>>
export type Page = keyof typeof PAGES

const LOOK_EVERY_MS = 2_000

export interface OpenOptions extends Place {
  session: Pick<ClusterSession, 'forward'>
  clock: Clock
  page: Page
  /** Null: the page's own, or any free one where that is taken. */
  localPort: number | null
  signal: AbortSignal
  /** Called once, when the page can be reached. */
  opened: (url: string) => void
}

/** Keeps the way open until the signal aborts; when its pod goes it leads to another, at the same address. */
export async function openPage(options: OpenOptions): Promise<void> {
  const told = { port: options.localPort, isTold: false }
  try {
    while (!options.signal.aborted) {
      const pod = await podFor(options, told.isTold)
      if (pod !== null) await lead(options, pod, told)
    }
  } catch (error) {
    // Whoever looked at the page has seen enough of it.
    if (!(told.isTold && options.signal.aborted)) throw error
  }
}

interface Told {
  port: number | null
  isTold: boolean
}

/** As long as the pod is ready. */
async function lead(options: OpenOptions, pod: string, told: Told): Promise<void> {
  const { signal, opened, clock } = options
  const way = new AbortController()
  const end = () => way.abort()
  signal.addEventListener('abort', end, { once: true })
  try {
    told.port = await forward(options, { pod, port: told.port, signal: way.signal })
    if (!told.isTold) opened(`http://127.0.0.1:${told.port}`)
    told.isTold = true
    while (!signal.aborted && (await isStillReady(options, pod))) await clock.sleep(LOOK_EVERY_MS, signal)
  } catch (error) {
    // The pod went while the way was made.
    if (!told.isTold || !(error instanceof StockpipeError) || error.code !== 'not-found') throw error
    await clock.sleep(LOOK_EVERY_MS, signal)
  } finally {
    signal.removeEventListener('abort', end)
    way.abort()
  }
}

/** The first pod must be there; a later one is waited for. */
async function podFor(options: OpenOptions, isLater: boolean): Promise<string | null> {
  try {
    return (await readyPod(options, options.page)).metadata.name
  } catch (error) {
    if (!isLater || !(error instanceof StockpipeError) || !error.retryable) throw error
    await options.clock.sleep(LOOK_EVERY_MS, options.signal)
    return null
  }
}

/** A cluster that does not answer for a moment says nothing about the pod. */
async function isStillReady(options: OpenOptions, name: string): Promise<boolean> {
  try {
    const pods = await podsOfPart(options, options.page)
    return pods.some((pod) => pod.metadata.name === name && isReady(pod) && !isGoing(pod))
  } catch (error) {
    if (error instanceof StockpipeError && error.retryable) return true
    throw error
  }
}

interface Way {
  pod: string
  port: number | null
  signal: AbortSignal
}

/** Resolves to the port here. A port that was asked for, or told to somebody, is not exchanged for another. */
async function forward({ session, namespace, page }: OpenOptions, { pod, port, signal }: Way): Promise<number> {
  const target = { namespace, pod, port: PAGES[page] }
  if (port !== null) return (await session.forward({ ...target, localPort: port }, signal)).port
  try {
    return (await session.forward({ ...target, localPort: PAGES[page] }, signal)).port
  } catch (error) {
    if (!(error instanceof StockpipeError) || error.code !== 'port-in-use') throw error
    return (await session.forward(target, signal)).port
  }
}
