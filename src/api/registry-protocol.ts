/** How a schema registry speaks. Its clients understand errors in this shape only. */
import type { Context as HonoContext } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

import type { ApiEnv } from './problem.ts'

export const REGISTRY_TYPE = 'application/vnd.schemaregistry.v1+json'

/** The codes of the protocol: the HTTP status, and two more digits where there is more to say. */
export const REGISTRY_ERRORS = {
  unauthorized: 401,
  noRoute: 404,
  noSubject: 40401,
  noVersion: 40402,
  noSchema: 40403,
  noSubjectConfig: 40408,
  noSubjectMode: 40409,
  invalidSchema: 42201,
  invalidVersion: 42202,
  notPermitted: 42205,
} as const
export type RegistryError = keyof typeof REGISTRY_ERRORS

/** Where the addresses of a registry begin; clients try the last three and do without them. */
export const REGISTRY_ROOTS = [
  'subjects',
  'schemas',
  'config',
  'mode',
  'contexts',
  'compatibility',
  'associations',
] as const
const PATH = new RegExp(`^/(${REGISTRY_ROOTS.join('|')})(/|$)`)

/** True for an address that belongs to the registry. */
export const isRegistryPath = (path: string): boolean => PATH.test(path)

export const registryAnswer = (c: HonoContext<ApiEnv>, body: unknown, status: ContentfulStatusCode = 200): Response =>
  c.body(JSON.stringify(body), status, { 'content-type': REGISTRY_TYPE })

export function registryError(c: HonoContext<ApiEnv>, error: RegistryError, message: string): Response {
  const code = REGISTRY_ERRORS[error]
  const status = Number(String(code).slice(0, 3)) as ContentfulStatusCode
  return registryAnswer(c, { error_code: code, message }, status)
}
