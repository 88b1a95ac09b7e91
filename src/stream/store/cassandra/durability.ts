import type { Host } from 'cassandra-driver'

import type { Durability } from '../../store.ts'
import { datacenterOf, nodesOf } from './client.ts'
import { isRefused } from './errors.ts'
import type { Run } from './info.ts'
import type { CassandraOptions } from './options.ts'
import type { Session } from './session.ts'

/** What Cassandra does by itself. */
const DEFAULT_PERIOD_MS = 10_000
/** The commit log is written to disk every period, and what is slow to get there may be late by half of one. */
const lagFor = (periods: readonly number[]): number => {
  const longest = periods.length === 0 ? DEFAULT_PERIOD_MS : periods.reduce((a, b) => Math.max(a, b))
  return longest === 0 ? 0 : Math.ceil(1.5 * longest) + 1_000
}

export interface DurabilityOptions {
  run: Run
  /** A node went away or came back: what is known to be stored may be so no longer. */
  onChange: () => void
  where: CassandraOptions
}

/** Cassandra's commit log may be on disk later than its acknowledgements: how much later, its nodes tell. */
export function createDurability({ run, onChange, where }: DurabilityOptions): Durability {
  let last: string | null = null
  let isTold = false
  const tell = (error: unknown): number => {
    if (!isTold)
      where.log.warn('cassandra.durability_unknown', {
        why: 'this user may not read system_views.settings',
        note: `acknowledged rows count as durable after ${lagFor([]) / 1000} s, as Cassandra's own settings ask for`,
        try: 'GRANT SELECT ON KEYSPACE system_views to this user, or set --store-durability-lag',
        error,
      })
    isTold = true
    return DEFAULT_PERIOD_MS
  }
  return {
    async lagMs() {
      if (where.durabilityLag !== null) return where.durabilityLag
      return run(async (session) => {
        const ask = (node: Host) =>
          periodOf(session, node).catch((error: unknown) => (isRefused(error) ? tell(error) : toError(error)))
        return lagFor(answered(await Promise.all(nodes(session, where).map(ask))))
      })
    },
    async generation() {
      const found = await run(async (session) => {
        const ask = (node: Host) => generationOf(session, node).catch(toError)
        const answers = await Promise.all(nodes(session, where).map(ask))
        answered(answers)
        return answers.map((answer) => (answer instanceof Error ? 'away' : answer)).join()
      })
      if (last !== null && last !== found) onChange()
      last = found
      return found
    },
  }
}

const nodes = ({ client }: Session, where: CassandraOptions): Host[] =>
  nodesOf(client, datacenterOf(client, where)).sort((a, b) => (a.address < b.address ? -1 : 1))

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/** What those said that are there: who is away acknowledges nothing. Throws where nobody is. */
function answered<Answer>(answers: readonly (Answer | Error)[]): Answer[] {
  const found = answers.filter((answer): answer is Answer => !(answer instanceof Error))
  const failed = answers.find((answer) => answer instanceof Error)
  if (found.length === 0 && failed !== undefined) throw failed
  return found
}

/** How often (ms) the node writes its commit log to disk; 0: before it acknowledges. */
async function periodOf(session: Session, host: Host): Promise<number> {
  const { rows } = await session.client.execute('SELECT name, value FROM system_views.settings', [], { host })
  const values = new Map(rows.map((row) => [String(row['name']), String(row['value'])]))
  if (values.get('commitlog_sync') !== 'periodic') return 0
  const ms = Number(values.get('commitlog_sync_period_in_ms') ?? parseMs(values.get('commitlog_sync_period') ?? ''))
  return Number.isFinite(ms) && ms > 0 ? ms : DEFAULT_PERIOD_MS
}

const parseMs = (text: string): number =>
  text.endsWith('ms') ? Number.parseFloat(text) : Number.parseFloat(text) * (text.endsWith('m') ? 60_000 : 1_000)

async function generationOf(session: Session, host: Host): Promise<string> {
  const result = await session.client.execute('SELECT host_id, gossip_generation FROM system.local', [], { host })
  const row = result.first()
  return `${String(row['host_id'])}:${String(row['gossip_generation'])}`
}
