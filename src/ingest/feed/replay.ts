import { fingerprint, firstTime, linesOf, readLine, type RecordedFrame, shiftFrame } from './recording.ts'
import { type ReplayRun, ReplayState } from './replay-state.ts'
import type { Feed, Frame } from '../feed.ts'
import type { Context } from '../../telemetry.ts'

export interface ReplayOptions {
  /** NDJSON, `.zst` by name, or `-` for stdin, which cannot be resumed. */
  file: string
  /** How many times faster than recorded; Infinity: as fast as it is pulled. */
  speed: number
  /** Shift all times so that the recording begins now. */
  rebase: boolean
  /** Append a finished file once more. */
  again: boolean
  /** Where it is kept how far the replay got. */
  stateDir: string
}

export interface ReplayFeed extends Feed {
  /** `finished`: the log holds the whole file, and `events` yields nothing. */
  readonly status: 'new' | 'resumed' | 'finished'
  progress(): { lines: number; bytes: number; totalBytes: number | null }
}

const BATCH = 500
const SAVE_EVERY_MS = 1_000
/** Bad lines that are named one by one; the others are only counted. */
const NAMED_LINES = 10

/** Opens a recording. Throws `replay-file` when it cannot be read or is none. */
export async function openReplayFeed(options: ReplayOptions, context: Context): Promise<ReplayFeed> {
  const { file, again, stateDir } = options
  if (file === '-') {
    context.log.info('replay.stdin', { note: 'a recording from stdin cannot go on where it was interrupted' })
    return new Replay(options, context, { content: null, state: null, run: emptyRun(1), status: 'new' })
  }
  const found = await fingerprint(file)
  const state = new ReplayState(stateDir)
  const known = state.get(found.hash)
  if (known === undefined)
    return new Replay(options, context, { content: found, state, run: emptyRun(1), status: 'new' })
  if (known.isFinished && again)
    return new Replay(options, context, { content: found, state, run: emptyRun(known.run + 1), status: 'new' })
  const status = known.isFinished ? 'finished' : 'resumed'
  return new Replay(options, context, { content: found, state, run: known, status })
}

const emptyRun = (run: number): ReplayRun => ({ run, shift: 0, isFinished: false, acknowledged: {} })

interface Found {
  /** Null for stdin. */
  content: { hash: string; bytes: number } | null
  state: ReplayState | null
  run: ReplayRun
  status: ReplayFeed['status']
}

class Replay implements ReplayFeed {
  readonly status: ReplayFeed['status']
  readonly #options: ReplayOptions
  readonly #context: Context
  readonly #found: Found
  readonly #sessions = new Map<number, { session: string; seq: number }>()
  readonly #done = { lines: 0, bytes: 0 }
  #lastConn = 0
  #badLines = 0
  #unacknowledged = 0
  #isRead = false
  #savedAt = 0

  constructor(options: ReplayOptions, context: Context, found: Found) {
    this.#options = options
    this.#context = context
    this.#found = found
    this.status = found.status
  }

  progress(): ReturnType<ReplayFeed['progress']> {
    return { ...this.#done, totalBytes: this.#found.content?.bytes ?? null }
  }

  async *events(signal: AbortSignal): AsyncIterable<readonly Frame[]> {
    if (this.status === 'finished') return
    try {
      yield* this.#frames(signal)
    } finally {
      // A log that cannot tell a copy by itself would else get a second one of the last second's frames.
      if (signal.aborted && this.#savedAt > 0) this.#save()
    }
  }

  async *#frames(signal: AbortSignal): AsyncIterable<readonly Frame[]> {
    const pace = new Pace(this.#options.speed, this.#context)
    let batch: Frame[] = []
    for await (const lines of linesOf(this.#options.file))
      for (const { line, number, length } of lines) {
        const recorded = this.#read(line, number)
        const frame = this.#name(recorded)
        const wait = frame.known ? 0 : pace.waitFor(recorded)
        if (wait > 0 || batch.length >= BATCH) {
          if (batch.length > 0) yield batch
          batch = []
          await this.#context.clock.sleep(wait, signal)
        }
        if (signal.aborted) return
        batch.push(frame)
        if (!frame.known) this.#unacknowledged++
        this.#done.lines++
        this.#done.bytes += length
      }
    if (batch.length > 0) yield batch
    this.#end()
  }

  acknowledge(frame: Frame): void {
    if (frame.known) return
    this.#unacknowledged--
    this.#found.run.acknowledged[frame.conn] = frame.seq
    if (this.#isRead && this.#unacknowledged === 0) return this.#finish()
    const now = this.#context.clock.now()
    if (now - this.#savedAt < SAVE_EVERY_MS) return
    this.#savedAt = now
    this.#save()
  }

  #end(): void {
    this.#isRead = true
    // Counted by characters on the way, which is near enough for a progress bar.
    this.#done.bytes = this.#found.content?.bytes ?? this.#done.bytes
    if (this.#badLines > NAMED_LINES) this.#context.log.warn('replay.bad_lines', { lines: this.#badLines })
    if (this.#unacknowledged === 0) this.#finish()
  }

  #finish(): void {
    this.#found.run.isFinished = true
    this.#save()
  }

  #save(): void {
    const { content, state, run } = this.#found
    if (content === null || state === null) return
    try {
      state.save(content.hash, run)
    } catch (error) {
      this.#context.log.warn('replay.state_not_saved', { error, note: 'harmless: the log knows which frames it holds' })
    }
  }

  #read(line: string, number: number): RecordedFrame {
    const { frame, problem } = readLine(line, this.#lastConn)
    this.#lastConn = frame.conn
    if (problem !== null && ++this.#badLines <= NAMED_LINES)
      this.#context.log.warn('replay.bad_line', { line: number, problem, note: 'kept in the dead-letter topic' })
    const shift = this.#isShifted() ? this.#shift(frame) : 0
    if (shift === 0) return frame
    return {
      ...frame,
      received: frame.received === null ? null : frame.received + shift,
      text: shiftFrame(frame.text, shift),
    }
  }

  /** A replay goes on as it began, whatever is asked for now: half a file shifted is none. */
  #isShifted(): boolean {
    return this.status === 'resumed' ? this.#found.run.shift !== 0 : this.#options.rebase
  }

  /** Found at the first line that has a time, and kept, so that a resumed replay shifts by the same. */
  #shift(frame: RecordedFrame): number {
    const { run } = this.#found
    if (run.shift !== 0) return run.shift
    const first = frame.received ?? firstTime(frame.text)
    if (first !== null) {
      run.shift = this.#context.clock.now() - first
      this.#save()
    }
    return run.shift
  }

  #name({ conn, received, text }: RecordedFrame): Frame {
    const named = this.#sessions.get(conn) ?? { session: this.#sessionOf(conn), seq: 0 }
    this.#sessions.set(conn, named)
    named.seq++
    const known = named.seq <= (this.#found.run.acknowledged[conn] ?? 0)
    return { kind: 'frame', conn, session: named.session, seq: named.seq, received, text, known }
  }

  #sessionOf(conn: number): string {
    const { content, run } = this.#found
    const name = `${content?.hash ?? `stdin ${this.#context.clock.now()} ${process.pid}`} ${conn} ${run.run}`
    return new Bun.CryptoHasher('sha256').update(name).digest('base64url').slice(0, 12)
  }
}

/** A wrong time of a trade is passed over like a hole, never waited for. */
const LONGEST_HOLE_MS = 86_400_000

/** When a recorded frame is due: at its distance from the first one, divided by the speed. */
class Pace {
  readonly #speed: number
  readonly #context: Context
  #first: { recorded: number; at: number } | null = null
  #last = 0

  constructor(speed: number, context: Context) {
    this.#speed = speed
    this.#context = context
  }

  waitFor({ received, text }: RecordedFrame): number {
    if (this.#speed === Number.POSITIVE_INFINITY) return 0
    const recorded = received ?? firstTime(text)
    if (recorded === null) return 0
    const now = this.#context.clock.now()
    const isHole = received === null && Math.abs(recorded - this.#last) > LONGEST_HOLE_MS
    if (this.#first === null || isHole) this.#first = { recorded, at: now }
    this.#last = recorded
    return Math.max(0, this.#first.at + (recorded - this.#first.recorded) / this.#speed - now)
  }
}
