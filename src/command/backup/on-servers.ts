import type { Settings } from '../../config.ts'
import type { Problem } from '../../config/problems.ts'

/** What is on servers is no file of ours. */
export function onServers(does: string, { broker, store }: Settings): Problem[] {
  const servers = [
    ...(broker === 'kafka' ? ['the log is in Kafka'] : []),
    ...(store === 'cassandra' ? ['the store is in Cassandra'] : []),
  ]
  if (servers.length === 0) return []
  return [
    {
      what: `${does} the embedded log and store`,
      why: `here ${servers.join(' and ')}; docs/operations.md says how those are kept safe`,
    },
  ]
}
