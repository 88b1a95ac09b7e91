import { expect, test } from 'bun:test'

import { Cursor } from './cursor.ts'
import { Trouble } from '../../trouble.ts'
import { Health, silentLog } from '../../../telemetry.ts'

const nothing = { records: [], endOffset: null, failure: null }

test('the end of a partition that retention has emptied lies behind what was never read', async () => {
  const trouble = new Trouble('log', { log: silentLog, health: new Health() })
  const cursor = new Cursor({ partition: 0, offset: 4 }, { hungry: () => {}, trouble })
  cursor.moveTo(10)
  cursor.deliver(nothing, { startedAt: 0, endedAt: 200, stableEnd: 10 })
  expect(await cursor.next()).toMatchObject({ records: [], end: 10 })
})
