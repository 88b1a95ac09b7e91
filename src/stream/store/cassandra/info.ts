import { types } from 'cassandra-driver'

import type { Stamp } from '../../stamp.ts'
import type { Session } from './session.ts'

/** Runs work on the store, connected first. */
export type Run = <Result>(work: (session: Session) => Promise<Result>) => Promise<Result>

export async function readInfo(session: Session, key: string): Promise<string | null> {
  const { rows } = await session.execute(`SELECT value FROM ${session.keyspace}.store_info WHERE key = ?`, [key])
  const value: unknown = rows[0]?.['value']
  return typeof value === 'string' ? value : null
}

/** Sets what is not set. Resolves to what is there: of several at once, all get the same. */
export async function claimInfo(session: Session, key: string, value: string): Promise<string> {
  const known = await readInfo(session, key)
  if (known !== null) return known
  const result = await session.compareAndSet(
    `INSERT INTO ${session.keyspace}.store_info (key, value) VALUES (?, ?) IF NOT EXISTS`,
    [key, value],
  )
  return result.wasApplied() ? value : String(result.first()['value'])
}

/** Made with the store, and never again: see `Store.id`. */
export const storeId = (session: Session): Promise<string> => claimInfo(session, 'id', types.Uuid.random().toString())

export const createStamp = (run: Run): Stamp => ({
  read: () => run((session) => readInfo(session, 'origin')),
  claim: (origin) => run((session) => claimInfo(session, 'origin', origin)),
})
