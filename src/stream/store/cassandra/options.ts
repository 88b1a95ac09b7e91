import type { Clock } from '../../../clock.ts'
import type { Log } from '../../../telemetry.ts'
import type { Retention } from '../retention.ts'

export const CONSISTENCIES = ['LOCAL_QUORUM', 'LOCAL_ONE', 'QUORUM', 'ONE', 'ALL'] as const
export type Consistency = (typeof CONSISTENCIES)[number]

export interface CassandraOptions {
  contactPoints: readonly string[]
  port: number
  /** Null: that of the contact point that answers first. */
  datacenter: string | null
  keyspace: string
  /** Copies in the datacenter, when the keyspace is made. Null: 3, or as many as there are nodes. */
  replication: number | null
  credentials: { username: string; password: string } | null
  /** Null: LOCAL_QUORUM, or LOCAL_ONE where there is one copy only. */
  consistency: Consistency | null
  /** PEM texts. Null: no TLS. */
  tls: { ca?: string; cert?: string; key?: string } | null
  /** How long (ms) an acknowledged row may still be lost. Null: what the nodes' settings say. */
  durabilityLag: number | null
  /** Becomes the TTL of each row when it is written. */
  retention: Retention
  /** Makes keyspace and tables. Who only reads does not: it waits for tables that somebody else makes. */
  migrate: boolean
  clock: Clock
  log: Log
}
