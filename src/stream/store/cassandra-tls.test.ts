/** The store on Cassandra by TLS: a relay in front of the test server speaks it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'

import { cassandraForTests } from '../../../test/services/services.ts'
import type { StockpipeError } from '../../errors.ts'
import { TestKeyspace } from './cassandra.fixture.ts'

const cassandra = await cassandraForTests()
const openssl = Bun.which('openssl')

describe.if(cassandra !== null && openssl !== null)('by TLS', () => {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  let folder: string
  let keyspace: TestKeyspace
  let relay: Server
  let port = 0

  beforeAll(async () => {
    if (cassandra === null) return
    keyspace = new TestKeyspace(cassandra)
    folder = mkdtempSync(join(tmpdir(), 'stockpipe-tls-'))
    makeCertificates(folder)
    relay = createServer({ cert: read('server.pem'), key: read('server.key') }, (outside) => {
      const inside = connect(keyspace.options.port, keyspace.options.contactPoints[0] ?? '')
      outside.pipe(inside).pipe(outside)
      outside.on('error', () => inside.destroy())
      inside.on('error', () => outside.destroy())
    })
    // Those who do not trust it leave early.
    relay.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    const bound = relay.address()
    port = typeof bound === 'object' && bound !== null ? bound.port : 0
  })
  afterAll(async () => {
    relay?.close()
    await keyspace.client.shutdown()
    rmSync(folder, { recursive: true })
  })

  /** There are no tables: that it says so means that it has read something. */
  const problemOf = async (contactPoint: string, tls: { ca?: string }): Promise<StockpipeError> => {
    await using store = await keyspace.open({ contactPoints: [contactPoint], port, tls, migrate: false })
    return store.id().then(
      () => expect.unreachable('there is no such keyspace'),
      (error: StockpipeError) => error,
    )
  }

  test('a server whose certificate names the contact point is read from', async () => {
    expect((await problemOf('localhost', { ca: read('authority.pem') })).code).toBe('schema')
  })

  test('an unknown authority is refused', async () => {
    const error = await problemOf('localhost', {})
    expect(error).toMatchObject({ code: 'unreachable', retryable: false, mendable: true })
    expect(error.hint).toContain('--cassandra-tls-ca-file')
  })

  test('a certificate for another name is refused', async () => {
    const error = await problemOf('127.0.0.1', { ca: read('authority.pem') })
    expect(error).toMatchObject({ code: 'unreachable', retryable: false, mendable: true })
  })
})

/** An authority, and a server for `localhost` that it vouches for. */
function makeCertificates(folder: string): void {
  const run = (command: string) => {
    const { success, stderr } = Bun.spawnSync([openssl ?? '', ...command.split(' ')], { cwd: folder })
    if (!success) throw new Error(stderr.toString())
  }
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost\n')
  run(`req -x509 ${key} -keyout authority.key -out authority.pem -days 2 -subj /CN=authority`)
  run(`req ${key} -keyout server.key -out server.csr -subj /CN=localhost`)
  run(
    'x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out server.pem',
  )
}
