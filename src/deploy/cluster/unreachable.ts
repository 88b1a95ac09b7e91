/** Why there is no answer from the API server, in words. */
import type { KubeConfig } from '@kubernetes/client-node'

import { StockpipeError, type ErrorDetails } from '../../errors.ts'
import { proxyFor } from '../../proxy.ts'
import type { Place } from './asked.ts'
import { certificateWords, day, shownBy } from './certificate.ts'

const UNTRUSTED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
])
const NO_NAME = new Set(['ENOTFOUND', 'EAI_AGAIN', 'DNSLookupFailed', 'FailedToOpenSocket'])

export async function noConnection(error: unknown, place: Place): Promise<StockpipeError> {
  const { server, context } = place
  const code = codeOf(error)
  const fail = (details: ErrorDetails) =>
    new StockpipeError('unreachable', `cannot reach the cluster of ${context} at ${server}`, {
      cause: error,
      ...details,
    })
  if (UNTRUSTED.has(code))
    return fail({
      why: `its certificate is not signed by the CA of the kubeconfig (${code})`,
      hint: 'the cluster was made anew, or something in between answers: let your cluster write the kubeconfig again',
    })
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return fail(await expiredWords(place))
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return fail({
      why: `its certificate is for other names: ${(await shown(place))?.subjectAltName ?? 'unknown'}`,
      hint: 'use a name that it has as `server`, or set `tls-server-name` in the kubeconfig',
    })
  if (/TLS|SSL|ALERT|CERT/i.test(code)) return fail(handshakeWords(code, place))
  if (code === 'ConnectionRefused' || code === 'ECONNREFUSED')
    return fail({ why: 'nothing listens there', hint: startHint(place), retryable: true })
  if (NO_NAME.has(code))
    return fail({ why: `${new URL(server).hostname} cannot be found or reached (${code})`, hint: startHint(place) })
  if (code === 'TimeoutError')
    return fail({ why: 'it did not answer in time', hint: proxyHint(server), retryable: true })
  return fail({ why: error instanceof Error ? error.message : String(error), hint: proxyHint(server), retryable: true })
}

const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return ''
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

const shown = ({ server, config }: Place) => shownBy(server, config.getCurrentCluster()?.tlsServerName)

async function expiredWords(place: Place): Promise<ErrorDetails> {
  const certificate = await shown(place)
  const when = certificate === null ? '' : ` on ${day(certificate.validToDate)}`
  return {
    why: `the certificate of the API server expired${when}, by this machine's clock (${day(new Date(place.clock.now()))})`,
    hint: 'renew it (minikube: minikube delete && minikube start, or minikube start --cert-expiration), or set the clock right',
  }
}

const handshakeWords = (code: string, { config, clock }: Place): ErrorDetails => ({
  why:
    certificateWords(config, clock.now()) ??
    `it refused the TLS handshake (${code}); it may not accept our certificate`,
  hint: 'let your cluster write the kubeconfig again',
})

const startHint = ({ context }: Place): string =>
  /minikube/.test(context)
    ? 'minikube start'
    : context.startsWith('kind-')
      ? `docker start ${context.slice(5)}-control-plane`
      : 'see that the cluster runs, or name another with --context'

const proxyHint = (server: string): string =>
  proxyFor(server, process.env) === undefined
    ? 'see that the cluster runs, or name another with --context'
    : `the proxy of the environment may be in the way: add ${new URL(server).hostname} to NO_PROXY`

/** What the kubeconfig names to log in with did not work. */
export function noCredentials(error: unknown, config: KubeConfig): StockpipeError {
  const user = config.getCurrentUser()
  const exec = user?.exec as { command?: string; installHint?: string } | undefined
  const code = codeOf(error)
  const words = error instanceof Error ? error.message.trim().split('\n').slice(0, 3).join(' ') : String(error)
  if (code === 'ENOENT' && exec?.command)
    return new StockpipeError('auth', `the kubeconfig asks ${exec.command} for credentials, which is not installed`, {
      why: `it is named as \`exec\` of the user ${user?.name}`,
      hint: exec.installHint?.trim().split('\n')[0] ?? `install ${exec.command}, and see that it is in PATH`,
    })
  return new StockpipeError('auth', `there are no credentials for ${config.getCurrentContext()}`, {
    why: exec?.command ? `${exec.command} said: ${words.slice(0, 300)}` : words,
    hint: exec?.command ? 'run it by hand; it may want you to log in' : 'look at the user in the kubeconfig',
    mendable: true,
  })
}
