import { type Client, types } from 'cassandra-driver'

import type { Login } from './login.ts'
import type { Clock } from '../clock.ts'
import { StockpipeError } from '../errors.ts'
import { createClient } from '../stream/store/cassandra/client.ts'
import { SchemaChanges } from '../stream/store/cassandra/ddl.ts'
import { toStockpipeError } from '../stream/store/cassandra/errors.ts'
import type { CassandraOptions } from '../stream/store/cassandra/options.ts'

export interface Role {
  isSuperuser: boolean
  canLogin: boolean
  memberOf: readonly string[]
}

/** A login at work on roles and rights. Every error is a StockpipeError, and none of them holds a password. */
export class CassandraAdmin implements AsyncDisposable {
  readonly client: Client
  readonly options: CassandraOptions
  readonly #changes: SchemaChanges

  private constructor(client: Client, options: CassandraOptions) {
    this.client = client
    this.options = options
    this.#changes = new SchemaChanges(client, options)
  }

  /** Throws `auth` where the login is refused, and a retryable error where nobody answers. */
  static async open(options: CassandraOptions, login: Login | null): Promise<CassandraAdmin> {
    const own = { ...options, credentials: login }
    const client = createClient(own)
    try {
      await client.connect()
      return new CassandraAdmin(client, own)
    } catch (error) {
      await client.shutdown().catch(() => {})
      throw toStockpipeError(error, own)
    }
  }

  /** Null where there is none. */
  async role(name: string): Promise<Role | null> {
    const columns = 'can_login, is_superuser, member_of'
    const [row] = await this.#select(`SELECT ${columns} FROM system_auth.roles WHERE role = ?`, [name])
    if (row === undefined) return null
    return {
      isSuperuser: row['is_superuser'] === true,
      canLogin: row['can_login'] === true,
      memberOf: (row['member_of'] as string[] | null) ?? [],
    }
  }

  /** Of a role on a resource (`data/KEYSPACE`), without those of roles it is a member of. */
  async rights(role: string, resource: string): Promise<readonly string[]> {
    const query = 'SELECT permissions FROM system_auth.role_permissions WHERE role = ? AND resource = ?'
    const [row] = await this.#select(query, [role, resource])
    return (row?.['permissions'] as string[] | null | undefined) ?? []
  }

  /** Resolves when all nodes that are up know it. */
  async changeSchema(statement: string): Promise<void> {
    try {
      await this.#changes.apply(statement)
    } catch (error) {
      throw toStockpipeError(error, this.options)
    }
  }

  /** `secret` is in the statement, and must be in no message. */
  async changeRoles(statement: string, secret: string | null = null): Promise<void> {
    try {
      await this.client.execute(statement)
    } catch (error) {
      const wrapped = toStockpipeError(error, this.options)
      if (secret === null) throw wrapped
      throw without(secret, wrapped)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.shutdown().catch(() => {})
  }

  async #select(query: string, params: unknown[]): Promise<types.Row[]> {
    try {
      const consistency = types.consistencies.localQuorum
      return (await this.client.execute(query, params, { prepare: true, isIdempotent: true, consistency })).rows
    } catch (error) {
      throw toStockpipeError(error, this.options)
    }
  }
}

/** The error's words, as far as they hold no secret: a server may quote a statement. */
function without(secret: string, { code, message, why, hint, retryable, mendable }: StockpipeError): StockpipeError {
  const clean = (words = '') => words.replaceAll(textInCql(secret), '***').replaceAll(secret, '***') || undefined
  return new StockpipeError(code, clean(message) ?? '', { why: clean(why), hint: clean(hint), retryable, mendable })
}

/** Whether the server lets it in. Throws where it does not say. */
export async function canLogIn(options: CassandraOptions, login: Login | null): Promise<boolean> {
  try {
    await using _admin = await CassandraAdmin.open(options, login)
    return true
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}

/** A server that cannot look the password up just now says so as a refusal, too. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof StockpipeError && error.code === 'auth' && !/unable to perform/i.test(error.why ?? '')

/** Nodes remember a password for 2 s, as shipped: a new one is refused so long. */
const REMEMBERED_MS = 15_000

/** What may pass: trouble, and refusals for some time after the first. */
export function passingRefusals(clock: Clock, ms = REMEMBERED_MS): (error: StockpipeError) => boolean {
  let since: number | null = null
  return (error) => {
    if (error.retryable) return true
    if (!isRefusal(error)) return error.code === 'auth'
    since ??= clock.elapsed()
    return clock.elapsed() - since < ms
  }
}

export const nameInCql = (name: string): string => `"${name.replaceAll('"', '""')}"`
export const textInCql = (text: string): string => `'${text.replaceAll("'", "''")}'`
