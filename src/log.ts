/** Lines of the log: JSON for machines, words for people. */
import type { Clock } from './clock.ts'
import { StockpipeError } from './errors.ts'
import { componentOf, type EventAt, type EventName, type Level, LEVELS } from './log-events.ts'
import { Secrets } from './secrets.ts'
import { buildInfo } from './version.ts'

export { type Level, LEVELS } from './log-events.ts'
export const LOG_FORMATS = ['pretty', 'json'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** Fields of every line of their own. */
type Reserved = 'time' | 'level' | 'service' | 'role' | 'component' | 'event' | 'err'
export type Fields = Readonly<Record<string, unknown>> & { readonly [Name in Reserved]?: never }

/** A structured log: the events are those of `log-events.ts`, `fields` are their facts; an `error` becomes `err`. */
export type Log = { readonly [L in Level]: (event: EventAt<L>, fields?: Fields) => void }

export interface LogOptions {
  level: Level
  format: LogFormat
  clock: Clock
  write: (line: string) => void
  /** What this process is, where there are several. */
  role?: string
  secrets?: Secrets
}

/** One line per event: a JSON object, or words for a terminal. No secret passes. */
export function createLog({ level: wanted, format, clock, write, role, secrets = new Secrets() }: LogOptions): Log {
  const least = LEVELS.indexOf(wanted)
  const at =
    (level: Level) =>
    (event: EventName, fields: Fields = {}) => {
      if (LEVELS.indexOf(level) < least) return
      const time = new Date(clock.now()).toISOString()
      const head = { time, level, role, event }
      write(format === 'json' ? jsonLine(head, fields, secrets) : prettyLine(head, fields, secrets))
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

interface Head {
  time: string
  level: Level
  role: string | undefined
  event: EventName
}

const { version } = buildInfo()

/** The version is in every line already. */
function jsonLine(
  { time, level, role, event }: Head,
  { error, version: _version, ...facts }: Fields,
  secrets: Secrets,
): string {
  const head = JSON.stringify({
    time,
    level,
    service: 'stockpipe',
    version,
    role,
    component: componentOf(event),
    event,
  })
  const err = error === undefined ? undefined : asErr(error)
  const rest = JSON.stringify({ ...facts, err }, (_key, value: unknown) =>
    value instanceof Error ? asErr(value) : value,
  )
  return rest === '{}' ? head : `${head.slice(0, -1)},${secrets.hide(rest).slice(1)}`
}

/** Where in the code is worth a line only of what was not foreseen. */
function asErr(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { message: error }
  const cause = error.cause instanceof Error ? error.cause.message : undefined
  if (!(error instanceof StockpipeError)) return { message: error.message, cause, stack: error.stack }
  return { code: error.code, message: error.message, why: error.why, cause }
}

function prettyLine({ time, level, event }: Head, fields: Fields, secrets: Secrets): string {
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${name}=${value instanceof Error ? JSON.stringify(value.message) : typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value)}`,
    )
  return [time.slice(11, 19), level === 'info' ? '' : level, event, secrets.hide(facts.join(' '))]
    .filter(Boolean)
    .join(' ')
}
