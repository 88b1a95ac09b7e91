import { errors } from 'cassandra-driver'

import { StockpipeError } from '../../../errors.ts'
import type { CassandraOptions } from './options.ts'

export type Where = Pick<CassandraOptions, 'contactPoints' | 'port' | 'datacenter' | 'keyspace' | 'credentials'>

/** Numbers of the protocol's errors. */
const CODES = {
  badCredentials: 0x0100,
  unauthorized: 0x2100,
  invalid: 0x2200,
  configError: 0x2300,
} as const

const UNPREPARED = 0x2500

/** Answers of the server that pass by themselves, and what each means. */
const PASSING = new Map<number, string>([
  [0x0000, 'the server has an internal error'],
  [0x1000, 'too few nodes that hold the data are up'],
  [0x1001, 'the server is overloaded'],
  [0x1002, 'the node is still starting'],
  [0x1003, 'a table is being truncated'],
  [0x1100, 'too few nodes confirmed the write in time'],
  [0x1200, 'too few nodes answered the read in time'],
  [0x1300, 'a node failed to read'],
  [0x1500, 'a node failed to write'],
  // The driver could not prepare it anew, and does not say why: connecting anew does.
  [UNPREPARED, 'it no longer knows our statements, as after a change of the tables'],
])

/** The error in our words. Of several causes (one per node) the one that somebody must mend wins. */
export function toStockpipeError(error: unknown, where: Where): StockpipeError {
  const classified = causesOf(error).map((cause) => classify(cause, where))
  const worst = classified.find(({ retryable }) => !retryable) ?? classified[0]
  return worst ?? (isUnresolved(error) ? unresolved(where, error) : unreachable('no node is up', where, error))
}

const isUnresolved = (error: unknown): boolean => error instanceof Error && error.message.includes('resolved')

/** The login may not do that, or the server does not do it for anybody. */
export const isRefused = (error: unknown): boolean =>
  causesOf(error).some(
    (cause) =>
      cause instanceof errors.ResponseError && (cause.code === CODES.unauthorized || cause.code === CODES.invalid),
  )

/** The login may not do that. */
export const isForbidden = (error: unknown): boolean =>
  causesOf(error).some((cause) => cause instanceof errors.ResponseError && cause.code === CODES.unauthorized)

/** Whether only a new connection can tell what is wrong. */
export const isUnprepared = (error: unknown): boolean =>
  causesOf(error).some((cause) => cause instanceof errors.ResponseError && cause.code === UNPREPARED)

/** What went wrong at each node that was tried; a node known to be down has only a text. */
function causesOf(error: unknown): unknown[] {
  if (!(error instanceof errors.NoHostAvailableError)) return [error]
  const inner: unknown = error.innerErrors
  return typeof inner === 'object' && inner !== null ? Object.values(inner) : []
}

function classify(cause: unknown, where: Where): StockpipeError {
  if (cause instanceof StockpipeError) return cause
  if (cause instanceof errors.AuthenticationError) return authentication(cause, where)
  if (cause instanceof errors.ResponseError) return response(cause, where)
  if (cause instanceof errors.OperationTimedOutError) return unreachable('it did not answer in time', where, cause)
  if (cause instanceof errors.BusyConnectionError)
    return unreachable('too many requests wait for its answer', where, cause)
  if (cause instanceof errors.ArgumentError && cause.message.includes('atacenter')) return datacenter(cause, where)
  if (cause instanceof errors.ArgumentError && cause.message.includes('DataCenter')) return datacenter(cause, where)
  if (isTlsTrouble(cause)) return untrusted(cause, where)
  if (cause instanceof TypeError || cause instanceof errors.ArgumentError)
    return new StockpipeError('internal', 'a row does not fit its table in Cassandra', { cause })
  return unreachable(textOf(cause), where, cause)
}

const addressOf = ({ contactPoints, port }: Where): string => `${contactPoints.join(', ')} (port ${port})`

const unreachable = (why: string, where: Where, cause: unknown): StockpipeError =>
  new StockpipeError('unreachable', `Cassandra at ${addressOf(where)} cannot be used`, {
    why,
    hint: 'check that it runs, that --cassandra-contact-points and --cassandra-port are right, and whether it wants TLS',
    retryable: true,
    cause,
  })

const unresolved = (where: Where, cause: unknown): StockpipeError =>
  new StockpipeError('unreachable', `Cassandra at ${addressOf(where)} cannot be used`, {
    why: 'none of these names resolves to an address',
    hint: "check --cassandra-contact-points, and that this machine's DNS knows the names",
    retryable: true,
    cause,
  })

function authentication(cause: Error, { credentials, ...where }: Where): StockpipeError {
  const hint =
    credentials === null
      ? 'set --cassandra-username and --cassandra-password-file, and restart'
      : `correct --cassandra-username or --cassandra-password-file and restart, or let the role in: ALTER ROLE "${credentials.username}" WITH PASSWORD = '...' AND LOGIN = true;`
  return new StockpipeError('auth', `Cassandra at ${addressOf({ credentials, ...where })} refuses the login`, {
    why: cause.message,
    hint,
    mendable: true,
    cause,
  })
}

function datacenter(cause: Error, where: Where): StockpipeError {
  const found = /\[(.*)\]/.exec(cause.message)?.[1] ?? ''
  return new StockpipeError('config', `Cassandra has no datacenter "${where.datacenter}"`, {
    why: found === '' ? cause.message : `it has: ${found}`,
    hint: 'set --cassandra-datacenter to one of them (upper and lower case count), or leave it out, and restart',
    mendable: true,
    cause,
  })
}

function response(cause: errors.ResponseError, where: Where): StockpipeError {
  const passing = PASSING.get(cause.code)
  if (passing !== undefined) return unreachable(`${passing}: ${cause.message}`, where, cause)
  if (cause.code === CODES.badCredentials) return authentication(cause, where)
  if (cause.code === CODES.unauthorized) return forbidden(cause)
  if (isMissing(cause)) return missing(cause.message, where, cause)
  if (cause.code === CODES.configError) return misconfigured(cause, where)
  return new StockpipeError('internal', `Cassandra refuses a statement: ${cause.message}`, { cause })
}

/** Whether a keyspace, table or column is not there. */
export const isMissing = (error: unknown): boolean =>
  error instanceof errors.ResponseError &&
  error.code === CODES.invalid &&
  /unconfigured (table|columnfamily)|does(n't| not) exist|unknown keyspace|undefined column/i.test(error.message)

export const missing = (why: string, { keyspace }: Pick<Where, 'keyspace'>, cause?: unknown): StockpipeError =>
  new StockpipeError('schema', `the tables of stockpipe are not in Cassandra's keyspace "${keyspace}"`, {
    why: `${why}; \`stockpipe setup schema\` makes them, or a processor whose login may CREATE`,
    hint: 'run `stockpipe setup schema` (it goes on by itself then), or check --cassandra-keyspace',
    mendable: true,
    cause,
  })

const misconfigured = (cause: Error, { keyspace }: Where): StockpipeError =>
  new StockpipeError('schema', `Cassandra cannot make keyspace "${keyspace}"`, {
    why: cause.message,
    hint: 'check --cassandra-replication and --cassandra-datacenter, or make the keyspace yourself',
    mendable: true,
    cause,
  })

function forbidden(cause: Error): StockpipeError {
  const [, role, permission, resource] = /User (\S+) has no (\w+) permission on <([^>]+)>/.exec(cause.message) ?? []
  const grant = resource && `GRANT ${permission} ON ${grantable(resource)} TO "${role}";`
  return new StockpipeError('auth', 'Cassandra forbids what stockpipe must do', {
    why: cause.message,
    hint: grant
      ? `let an administrator run: ${grant}`
      : 'grant the role SELECT and MODIFY, and CREATE for the first start',
    mendable: true,
    cause,
  })
}

/** The whole keyspace instead of one table after the other. */
function grantable(resource: string): string {
  const [, keyspace] = /^(?:keyspace|table) ([^. ]+)/.exec(resource) ?? []
  return keyspace === undefined ? 'ALL KEYSPACES' : `KEYSPACE "${keyspace}"`
}

const TLS_CODES = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA)/

const codeOf = (cause: unknown): string =>
  typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''

const isTlsTrouble = (cause: unknown): boolean => TLS_CODES.test(codeOf(cause))

const untrusted = (cause: unknown, where: Where): StockpipeError =>
  new StockpipeError('unreachable', `the certificate of Cassandra at ${addressOf(where)} is not trusted`, {
    why: textOf(cause),
    hint: 'give the authority that signed it with --cassandra-tls-ca-file, and a contact point that it names',
    mendable: true,
    cause,
  })

function textOf(cause: unknown): string {
  // The driver's word for a node that it does not even ask at the moment.
  if (cause === 'Host considered as DOWN') return 'the node is down'
  if (!(cause instanceof Error)) return String(cause)
  const inner = 'innerError' in cause && cause.innerError instanceof Error ? `: ${cause.innerError.message}` : ''
  return `${cause.message}${inner}`
}
