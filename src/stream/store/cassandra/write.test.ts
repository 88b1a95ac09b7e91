import { expect, test } from 'bun:test'

import { Contents, ContentsLedger } from './contents.ts'
import { Gate } from './gate.ts'
import type { Packet } from './packet.ts'
import { createStatements } from './statements.ts'
import { writeRows } from './write.ts'
import { candleRow, gapRow, HOUR, latestRow, rows, windowRow } from '../../store.contract-rows.ts'

const where = { contactPoints: ['c'], port: 1, datacenter: null, keyspace: 'market', credentials: null }

test('a gap can be found before anything is sent that is judged by it', async () => {
  const sent: string[] = []
  const acknowledged = Promise.withResolvers<void>()
  const session = {
    isEverywhere: false,
    async send(packet: Packet) {
      sent.push(...packet.map(({ query }) => /INTO market\.(\w+)/.exec(query)?.[1] ?? ''))
      await acknowledged.promise
    },
  }
  const ledger = new ContentsLedger(() => HOUR)
  const statements = createStatements('market', { trades: null, candles: null, internal: null })
  const all = rows({
    candles: [candleRow('A', { interval: '1m', open: HOUR })],
    windows: [windowRow('A', HOUR)],
    latest: [latestRow('A', HOUR)],
    gaps: [gapRow('A', HOUR)],
  })
  const writing = writeRows(all, { session, statements, ledger, gate: new Gate(99), where })
  await new Promise(setImmediate)
  expect([...new Set(sent)].sort()).toEqual(['contents', 'gaps'])
  acknowledged.resolve()
  await writing
  expect([...new Set(sent)].sort()).toEqual(['candles', 'contents', 'gaps', 'latest', 'running_averages_15_sec'])
  expect([...new Contents(ledger).packets(statements)]).toEqual([])
})
