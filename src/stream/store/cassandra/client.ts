import { checkServerIdentity } from 'node:tls'

import { Client, type EmptyCallback, type Host, type HostMap, policies, types } from 'cassandra-driver'

import type { CassandraOptions } from './options.ts'

/** Above the server's own limits (5 s for a read, 2 s for a write), so that its answer with the reason comes first. */
const READ_TIMEOUT_MS = 6_000
const CONNECT_TIMEOUT_MS = 5_000
const HEARTBEAT_MS = 10_000
/** The driver's own policy doubles up to 10 min: a server that was away for long would be found again far too late. */
const RECONNECT_MS = 1_000

/** Where no datacenter is given it takes that of the node which answered first: the first that the driver knows. */
class NearestDatacenterPolicy extends policies.loadBalancing.DCAwareRoundRobinPolicy {
  declare localDc: string | undefined

  override init(client: Client, hosts: HostMap, callback: EmptyCallback): void {
    this.localDc ??= hosts.values()[0]?.datacenter
    super.init(client, hosts, callback)
  }
}

/** A driver's client, not yet connected. One that failed to connect is of no further use. */
export function createClient(options: CassandraOptions): Client {
  const { contactPoints, port, datacenter, credentials, tls, log } = options
  const nearest = new NearestDatacenterPolicy(datacenter ?? '')
  nearest.localDc = datacenter ?? undefined
  const client = new Client({
    contactPoints: [...contactPoints],
    ...(datacenter === null ? {} : { localDataCenter: datacenter }),
    ...(credentials === null ? {} : { credentials }),
    ...(tls === null ? {} : { sslOptions: tlsOptions(tls, contactPoints) }),
    // 4 at once: the driver would try the newest first, which costs a connection and an error at every start.
    protocolOptions: { port, maxVersion: types.protocolVersion.v4 },
    socketOptions: { readTimeout: READ_TIMEOUT_MS, connectTimeout: CONNECT_TIMEOUT_MS },
    pooling: { heartBeatInterval: HEARTBEAT_MS },
    policies: {
      loadBalancing: new policies.loadBalancing.TokenAwarePolicy(nearest),
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
    },
    monitorReporting: { enabled: false },
  })
  client.on('log', (level: string, from: string, message: string) => {
    if (level === 'warning' || level === 'error') log.debug('cassandra.driver', { from, message })
  })
  return client
}

/** The nodes' certificates may name the contact points or the addresses under which the nodes know each other. */
function tlsOptions(tls: NonNullable<CassandraOptions['tls']>, contactPoints: readonly string[]) {
  const names = contactPoints.map((point) => point.replace(/:\d+$/, ''))
  return {
    ...tls,
    rejectUnauthorized: true,
    checkServerIdentity(address: string, certificate: Parameters<typeof checkServerIdentity>[1]) {
      const problem = checkServerIdentity(address, certificate)
      const isNamed = names.some((name) => checkServerIdentity(name, certificate) === undefined)
      return isNamed ? undefined : problem
    },
  }
}

/** The nodes of the datacenter that the client works with. */
export function nodesOf(client: Client, datacenter: string): Host[] {
  return client.hosts.values().filter((host) => host.datacenter === datacenter)
}

export const datacenterOf = (client: Client, { datacenter }: Pick<CassandraOptions, 'datacenter'>): string =>
  datacenter ?? client.hosts.values()[0]?.datacenter ?? ''
