/** Waits until what was applied works, and says why it does not yet. */
import type { Clock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { Cluster, ClusterSession } from '../cluster.ts'
import { unlessInterrupted } from '../interrupted.ts'
import { type KubeObject, refOf, wordsOf } from '../object.ts'
import { backedOffPods, lookAt, type Scene, type Standing, standingsOf, stuckPods } from './look.ts'
import { Patience } from './patience.ts'
import { oneLine, type Trouble } from './trouble.ts'

const LOOK_EVERY_MS = 1_000
/** A log is asked for again only after so long: it costs the node, and says the same. */
const WORDS_EVERY_MS = 5_000
const WORDS_LENGTH = 400
const WORDS_LINES = 5
/** A node's answer in place of a log. */
const NODE_HAS_NONE = /^unable to retrieve container logs/

export interface RolloutRow extends Standing {
  /** The last that the troubled container wrote; empty where nothing is known. */
  lastWords: string
}

export interface RolloutOptions {
  cluster: Cluster
  session: Pick<ClusterSession, 'logs'>
  clock: Clock
  namespace: string
  timeoutMs: number
  signal: AbortSignal
  /** Called after every look. */
  show: (rows: readonly RolloutRow[]) => void
  /** Called with what was done so that it can go on. */
  tell: (line: string) => void
}

/**
 * Resolves when every workload among `objects` is ready. Throws `not-ready` when one has failed, is in a trouble that
 * does not pass, or the time is up; the error names the workload, the reason and what to do. Nothing is undone.
 */
export async function awaitRollout(objects: readonly KubeObject[], options: RolloutOptions): Promise<void> {
  const { clock, timeoutMs, signal } = options
  const until = clock.elapsed() + timeoutMs
  const memory = new Memory(options)
  for (;;) {
    const rows = await unlessInterrupted(signal, interrupted, () => memory.look(objects))
    if (rows !== null) {
      options.show(rows)
      if (rows.every(({ state }) => state === 'ready')) return
      memory.refuseHopeless(rows)
    }
    if (clock.elapsed() >= until) throw tooLate(rows ?? [], timeoutMs)
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

const interrupted = (): StockpipeError =>
  new StockpipeError('not-ready', 'interrupted while waiting', {
    why: 'what was applied stays; nothing of it is lost',
    hint: 'run the same command again: it goes on from here',
  })

/** What is remembered from one look to the next. */
class Memory {
  private readonly options: RolloutOptions
  private readonly patience: Patience
  /** With pods of older forms: a new one may have the same name, and the same trouble. */
  private readonly patienceWithOlder: Patience
  private readonly words = new Map<string, { text: string; at: number }>()
  private isFirstLook = true

  constructor(options: RolloutOptions) {
    this.options = options
    this.patience = new Patience(options.clock)
    this.patienceWithOlder = new Patience(options.clock)
  }

  /** Null: the cluster did not answer, which may pass. */
  async look(objects: readonly KubeObject[]): Promise<RolloutRow[] | null> {
    try {
      const scene = await lookAt(this.options, objects)
      await this.releaseOlder(scene)
      // Only now: their trouble is older than this run.
      for (const pod of this.isFirstLook ? backedOffPods(scene) : [])
        await this.release(pod, 'has failed before: deleted, so that a new one is tried at once')
      this.isFirstLook = false
      const standings = standingsOf(scene)
      this.patience.remember(standings.map(({ trouble }) => trouble))
      return await Promise.all(standings.map((standing) => this.withWords(standing)))
    } catch (error) {
      if (error instanceof StockpipeError && error.retryable) return null
      throw error
    }
  }

  private async releaseOlder(scene: Scene): Promise<void> {
    const stuck = stuckPods(scene)
    this.patienceWithOlder.remember(stuck.map(({ trouble }) => trouble))
    for (const { pod, trouble } of stuck)
      if ((this.isFirstLook && trouble.isBackedOff === true) || this.patienceWithOlder.isHopeless(trouble))
        await this.release(pod, 'is of an older form and cannot start: deleted, so that the new one takes its place')
  }

  private async release(pod: KubeObject, why: string): Promise<void> {
    const { cluster, tell } = this.options
    await cluster.remove(refOf(pod))
    tell(`${wordsOf(refOf(pod))} ${why}`)
  }

  private async withWords(standing: Standing): Promise<RolloutRow> {
    const { trouble } = standing
    return { ...standing, lastWords: trouble === null ? '' : await this.lastWords(trouble) }
  }

  private async lastWords({ where, container }: Trouble): Promise<string> {
    if (container === undefined) return ''
    const key = `${where}/${container.name}`
    const known = this.words.get(key)
    const now = this.options.clock.elapsed()
    if (known !== undefined && now - known.at < WORDS_EVERY_MS) return known.text
    const newest = await lastWords(this.options, { pod: where, ...container })
    // A node drops the log of a former container at any moment: what was heard of it stays the best that is known.
    const text = newest || (known?.text ?? '')
    this.words.set(key, { text, at: now })
    return text
  }

  /** Throws when a row has failed, or its trouble has lasted too long. */
  refuseHopeless(rows: readonly RolloutRow[]): void {
    for (const row of rows)
      if (row.state === 'failed' || (row.trouble !== null && this.patience.isHopeless(row.trouble))) throw hopeless(row)
  }
}

interface Speaker {
  pod: string
  name: string
  previous: boolean
}

/** Of a container that has ended before, what it said then: the new one has hardly begun. */
async function lastWords({ session, namespace }: RolloutOptions, { pod, name, previous }: Speaker): Promise<string> {
  const end = new AbortController()
  try {
    const asked = { namespace, pod, container: name, follow: false, tail: WORDS_LINES, previous }
    const lines: string[] = []
    for await (const line of session.logs(asked, end.signal)) lines.push(line)
    // What our own programs say at their end are several lines that begin so.
    const start = lines.findLastIndex((line) => line.startsWith('error: '))
    const words = oneLine(lines.slice(start < 0 ? -1 : start).join(' '))
    return NODE_HAS_NONE.test(words) ? '' : words.slice(0, WORDS_LENGTH)
  } catch {
    // It may not have begun, or be gone by now: there is then nothing to tell.
    return ''
  } finally {
    end.abort()
  }
}

export const reasonOf = ({ trouble, why, lastWords }: RolloutRow): string =>
  [trouble?.why ?? why, lastWords && `it said: ${lastWords}`].filter(Boolean).join('; ')

const hopeless = (row: RolloutRow): StockpipeError =>
  new StockpipeError('not-ready', `${row.name} does not come up`, {
    why: `${reasonOf(row)}; nothing was undone`,
    hint: row.trouble?.advice ?? 'look at its log (stockpipe deploy logs), mend it, run deploy again',
  })

function tooLate(rows: readonly RolloutRow[], timeoutMs: number): StockpipeError {
  const open = rows.filter(({ state }) => state !== 'ready')
  const names = open.map(({ name }) => name).join(', ')
  return new StockpipeError(
    'not-ready',
    `not ready after ${timeoutMs / 1_000} s: ${names || 'the cluster did not answer'}`,
    {
      why: open.map((row) => `${row.name}: ${reasonOf(row)}`).join('; ') || undefined,
      hint: open[0]?.trouble?.advice ?? 'run the same command again, with a longer --timeout',
    },
  )
}
