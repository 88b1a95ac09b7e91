/** Certificates for tests, made anew each time: a CA, and what it signs. */
// What the certificates' library is built on wants this first.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { createPrivateKey } from 'node:crypto'

x509.cryptoProvider.set(crypto)

const KEYS = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY = 86_400_000

export interface Pair {
  cert: string
  key: string
}

export interface Issued {
  /** `CN=admin,O=system:masters`. */
  subject: string
  /** Names and addresses of a server. */
  names?: readonly string[]
  from?: Date
  until?: Date
}

export interface Authority extends Pair {
  issue(wanted: Issued): Promise<Pair>
}

export async function certificateAuthority(name = 'test-ca'): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(KEYS, true, ['sign', 'verify'])
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: KEYS,
    notBefore: new Date(Date.now() - 400 * DAY),
    notAfter: new Date(Date.now() + 400 * DAY),
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  return {
    cert: own.toString('pem'),
    key: await pemOf(keys.privateKey),
    issue: (wanted) => issue(wanted, { issuer: own.subject, signingKey: keys.privateKey }),
  }
}

/** One that is there already, by its PEM files; the key is of P-256, in the form of SEC 1 or PKCS 8. */
export async function authorityOf({ cert, key }: Pair): Promise<Authority> {
  const pkcs8 = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' })
  const signingKey = await crypto.subtle.importKey('pkcs8', pkcs8, KEYS, false, ['sign'])
  const issuer = new x509.X509Certificate(cert).subject
  return { cert, key, issue: (wanted) => issue(wanted, { issuer, signingKey }) }
}

async function issue(
  { subject, names = [], from, until }: Issued,
  by: { issuer: string; signingKey: CryptoKey },
): Promise<Pair> {
  const keys = await crypto.subtle.generateKey(KEYS, true, ['sign', 'verify'])
  const cert = await x509.X509CertificateGenerator.create({
    ...by,
    subject,
    publicKey: keys.publicKey,
    signingAlgorithm: KEYS,
    notBefore: from ?? new Date(Date.now() - DAY),
    notAfter: until ?? new Date(Date.now() + DAY),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names.map(nameOf))]),
    ],
  })
  return { cert: cert.toString('pem'), key: await pemOf(keys.privateKey) }
}

const nameOf = (value: string) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value })

const pemOf = async (key: CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
