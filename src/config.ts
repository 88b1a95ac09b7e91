/**
 * Configuration: one table (`config/options.ts`), four sources (flag, variable, `stockpipe.yaml`, default),
 * all problems reported at once. Nothing here reads the environment by itself: the caller hands it over.
 */
import type { HostPort } from './config/address.ts'
import type { Role, Settings } from './config/options.ts'

export { printHostPort, type HostPort } from './config/address.ts'
export type { Origins } from './config/derive.ts'
export { loadSettings, readSettings, type Loaded } from './config/load.ts'
export { printDuration, printSize } from './config/measure.ts'
export { OPTIONS, ROLES, type Role, type Settings } from './config/options.ts'
export type { Origin, Sources } from './config/source.ts'

const PORTS = { api: 8080, producer: 8081, processor: 8082 } as const

/** Where a process of these roles listens when nobody says: the api's port if it serves the api. */
export function defaultListen(roles: readonly Role[]): HostPort {
  const role = roles.includes('api') ? 'api' : (roles[0] ?? 'api')
  return { host: '127.0.0.1', port: PORTS[role] }
}

/** A producer only fills the log. */
export const needsStore = ({ role }: Pick<Settings, 'role'>): boolean =>
  role.includes('processor') || role.includes('api')
