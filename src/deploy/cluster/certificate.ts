/** Certificates, read for what a TLS error does not say: when they expired. */
import type { KubeConfig } from '@kubernetes/client-node'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'

/** Says that the client certificate of the context has expired, and when; null: it has not, or there is none. */
export function certificateWords(config: KubeConfig, now: number): string | null {
  const user = config.getCurrentUser()
  try {
    const pem = user?.certData ? Buffer.from(user.certData, 'base64') : user?.certFile && readFileSync(user.certFile)
    if (!pem) return null
    const { validToDate, validFromDate } = new X509Certificate(pem)
    if (validToDate.getTime() < now) return `the client certificate of ${user?.name} expired on ${day(validToDate)}`
    if (validFromDate.getTime() > now)
      return `the client certificate of ${user?.name} is valid from ${day(validFromDate)}; this machine's clock may be wrong`
    return null
  } catch {
    return null
  }
}

export const day = (date: Date): string =>
  date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')

/** The certificate that a server shows, trusted or not; null where it shows none within some seconds. */
export function shownBy(server: string, serverName?: string): Promise<X509Certificate | null> {
  const { hostname, port } = new URL(server)
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 443),
      rejectUnauthorized: false,
      ...(serverName ? { servername: serverName } : {}),
    })
    const end = (found: X509Certificate | null) => {
      socket.destroy()
      resolve(found)
    }
    socket.setTimeout(3_000, () => end(null))
    socket.on('error', () => end(null))
    socket.on('secureConnect', () => {
      const { raw } = socket.getPeerCertificate()
      end(raw === undefined ? null : new X509Certificate(raw))
    })
  })
}
