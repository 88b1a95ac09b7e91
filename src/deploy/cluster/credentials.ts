/** Who we are: asked of the kubeconfig, which may run a program for it. */
import type { KubeConfig } from '@kubernetes/client-node'
import type { RequestOptions } from 'node:https'

import type { Clock } from '../../clock.ts'
import type { Secrets } from '../../secrets.ts'
import { noCredentials } from './unreachable.ts'

export interface CredentialsOptions {
  config: KubeConfig
  clock: Pick<Clock, 'now'>
  /** Told before a program of the kubeconfig runs that may ask the person something. */
  announce: (line: string) => void
  /** Told of our credentials. */
  secrets?: Secrets
}

/** How long what a program of the kubeconfig said is used where it does not say how long it lasts. */
const CREDENTIALS_MS = 60_000

export interface Credentials {
  headers: Record<string, string>
  tls: { ca?: string; cert?: string; key?: string; serverName?: string; rejectUnauthorized?: boolean }
}

/** Asked of the kubeconfig once, and again when they are old or were refused. */
export function rememberedCredentials(options: CredentialsOptions) {
  const { clock } = options
  let isFirst = true
  let known: { credentials: Promise<Credentials>; at: number; isProved: boolean } | null = null
  return {
    get(): Promise<Credentials> {
      if (known === null || clock.now() - known.at > CREDENTIALS_MS) {
        known = { credentials: credentialsOf(options, isFirst), at: clock.now(), isProved: false }
        known.credentials.catch(() => (known = null))
        isFirst = false
      }
      return known.credentials
    },
    proved() {
      if (known) known.isProved = true
    },
    /** After a refusal: whether they were good once, so that new ones are worth a try. */
    forget(): boolean {
      const wasGood = known?.isProved ?? false
      known = null
      return wasGood
    },
  }
}

async function credentialsOf(
  { config, announce, secrets }: CredentialsOptions,
  isFirst: boolean,
): Promise<Credentials> {
  const command: unknown = config.getCurrentUser()?.exec?.command
  if (isFirst && typeof command === 'string')
    announce(`running ${command} for credentials of ${config.getCurrentContext()}`)
  const found: RequestOptions = {}
  try {
    await config.applyToHTTPSOptions(found)
  } catch (error) {
    throw noCredentials(error, config)
  }
  const { ca, cert, key, servername, rejectUnauthorized, headers, auth } = found
  secrets?.add(auth, auth?.split(':').slice(1).join(':'), bearerOf(headers))
  return {
    headers: {
      ...(headers as Record<string, string> | undefined),
      ...(auth ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}),
    },
    tls: {
      ...(ca ? { ca: String(ca) } : {}),
      ...(cert ? { cert: String(cert) } : {}),
      ...(key ? { key: (key as Buffer).toString() } : {}),
      ...(servername ? { serverName: servername } : {}),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    },
  }
}

function bearerOf(headers: unknown): string | undefined {
  const { Authorization: value } = (headers ?? {}) as { Authorization?: unknown }
  return typeof value === 'string' ? value.replace(/^Bearer /, '') : undefined
}
