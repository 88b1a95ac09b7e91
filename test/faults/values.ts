import { types } from 'cassandra-driver'

/** Of bigint and timestamp. */
export const toNumber = (value: unknown): number =>
  value instanceof types.Long ? value.toNumber() : value instanceof Date ? value.getTime() : Number(value)
