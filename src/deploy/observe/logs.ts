/** `deploy logs`: what the containers of some parts write, each line with its pod. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { ClusterSession, PodLog } from '../cluster.ts'
import { at, listAt, numberAt, textAt } from '../fields.ts'
import { interrupted } from '../interrupted.ts'
import { LogPlace } from '../log-place.ts'
import type { KubeObject } from '../object.ts'
import { readOn } from './read-on.ts'
import { containersOf, type Part, type Place, podsOfPart } from './workloads.ts'

/** Pods come and go while we follow. */
const LOOK_EVERY_MS = 2_000

export interface LogsOptions extends Place {
  session: Pick<ClusterSession, 'logs'>
  clock: Clock
  parts: readonly Part[]
  follow: boolean
  /** How many of the last lines of each container; null: all. */
  tail: number | null
  signal: AbortSignal
  /** Resolves when the line is written, which makes the sender wait. */
  print: (line: string) => Promise<void>
}

/**
 * Resolves to the number of containers that were read. With `follow` it ends when the signal aborts; a connection that
 * is cut is made again, and goes on behind the last line. Throws what keeps it from a log and does not pass by itself:
 * while it follows at once, else when all other logs are read.
 */
export async function printLogs(options: LogsOptions): Promise<number> {
  const readings = new Readings(options)
  readings.begin(await containersNow(options), options.tail)
  if (options.follow) await follow(options, readings)
  const count = await readings.done()
  if (!options.follow && options.signal.aborted) throw interrupted()
  return count
}

async function follow(options: LogsOptions, readings: Readings): Promise<void> {
  const { signal } = readings
  while (!signal.aborted) {
    await options.clock.sleep(LOOK_EVERY_MS, signal)
    if (signal.aborted) return
    try {
      // Of a container that comes while we follow, everything is new.
      readings.begin(await containersNow(options), null)
    } catch (error) {
      // A cluster that does not answer for a moment says nothing about its containers.
      if (!(error instanceof StockpipeError && error.retryable)) readings.fail(error)
    }
  }
}

/** One life of a container: it begins anew with a log anew. */
interface Container {
  log: PodLog
  /** Of the pod: another one may have its name. */
  uid: string
  life: number
  hasEnded: boolean
}

async function containersNow({ follow, tail, ...options }: LogsOptions): Promise<Container[]> {
  const pods = (await Promise.all(options.parts.map((part) => podsOfPart(options, part)))).flat()
  const of = (pod: KubeObject, container: string): Container => ({
    log: { namespace: options.namespace, pod: pod.metadata.name, container, follow, tail },
    uid: textAt(pod, 'metadata', 'uid'),
    ...lifeOf(pod, container),
  })
  return pods.flatMap((pod) => containersOf(pod).map((container) => of(pod, container)))
}

function lifeOf(pod: KubeObject, container: string): Pick<Container, 'life' | 'hasEnded'> {
  const statuses = [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')]
  const status = statuses.find((status) => textAt(status, 'name') === container)
  const hasEnded =
    at(status, 'state', 'terminated') !== undefined ||
    // It waits to begin anew, and its log is still that of the life before.
    (at(status, 'state', 'waiting') !== undefined && at(status, 'lastState', 'terminated') !== undefined)
  return { life: numberAt(status, 'restartCount'), hasEnded }
}

interface Reading {
  life: number
  place: LogPlace
  tail: number | null
  going: Promise<void> | null
  /** Lets go of it where it is followed. */
  letGo: AbortController | null
  /** It is read to its end. */
  isOver: boolean
}

const newReading = ({ life }: Container, tail: number | null): Reading => ({
  life,
  place: new LogPlace(),
  tail,
  going: null,
  letGo: null,
  isOver: false,
})

class Readings {
  readonly #options: LogsOptions
  /** Of each container its lives, in their order. */
  readonly #known = new Map<string, Reading[]>()
  readonly #failures: unknown[] = []
  readonly #end = new AbortController()
  /** Also aborts when there is no sense in following any more. */
  readonly signal: AbortSignal

  constructor(options: LogsOptions) {
    this.#options = options
    this.signal = AbortSignal.any([options.signal, this.#end.signal])
  }

  fail(error: unknown): void {
    if (this.signal.aborted) return
    this.#failures.push(error)
    if (this.#options.follow) this.#end.abort()
  }

  /** Reads what is not being read; `tail` is for logs that are new. */
  begin(containers: readonly Container[], tail: number | null): void {
    for (const container of containers) {
      const lives = this.#known.get(keyOf(container)) ?? []
      this.#known.set(keyOf(container), lives)
      const former = lives.findLast(({ life }) => life < container.life)
      const rest = former === undefined ? null : this.#restOf(former, container)
      const reading = lives.find(({ life }) => life === container.life) ?? newReading(container, tail)
      if (!lives.includes(reading)) lives.push(reading)
      this.#read(reading, container, rest)
    }
  }

  /**
   * It was cut, and then the container began anew: the rest is there until it does so once more. Where it is followed
   * it may be the new life's log by now, for the node knew of that before us.
   */
  #restOf(former: Reading, container: Container): Promise<void> | null {
    const { going, letGo } = former
    if (former.isOver || (going !== null && letGo === null)) return going
    letGo?.abort()
    former.letGo = null
    former.going = null
    if (former.life === container.life - 1)
      this.#read(former, { ...container, log: { ...container.log, previous: true }, hasEnded: true }, going)
    return former.going ?? going
  }

  /** Resolves to the number of logs when none is being read any more; throws what has failed first. */
  async done(): Promise<number> {
    const all = [...this.#known.values()].flat()
    await Promise.all(all.flatMap(({ going }) => going ?? []))
    if (this.#failures.length > 0) throw this.#failures[0]
    return all.length
  }

  #read(reading: Reading, container: Container, after: Promise<void> | null): void {
    if (reading.going !== null || reading.isOver) return
    // The log of what has ended comes to its end; followed it would go on with that of a life that began meanwhile.
    const letGo = container.log.follow && !container.hasEnded ? new AbortController() : null
    const going = (after ?? Promise.resolve())
      .then(() => this.#readOn(reading, container, letGo))
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        if (reading.going !== going) return
        reading.going = null
        reading.letGo = null
      })
    reading.going = going
    reading.letGo = letGo
  }

  async #readOn(reading: Reading, { log, hasEnded }: Container, letGo: AbortController | null): Promise<void> {
    const { session, print, follow } = this.#options
    const line = (text: string) => print(`${log.pod} ${log.container}  ${text}`)
    const { place, tail } = reading
    const signal = letGo === null ? this.signal : AbortSignal.any([this.signal, letGo.signal])
    const error = await readOn({ ...log, follow: letGo !== null, tail, place }, { session, signal, line })
    if (error?.retryable && !follow) throw error
    // A connection may end and leave something unread: only what had ended before cannot have more.
    reading.isOver = hasEnded && !error?.retryable
  }
}

const keyOf = ({ log, uid }: Container): string => `${uid}/${log.pod}/${log.container}`
