import { expect, test } from 'bun:test'

import { type Call, Lane } from './lane.ts'

const call: Call = { results: [], left: 0, lanes: new Set(), acked: Promise.withResolvers() }
const item = () => ({ call, at: 0, record: { key: null, value: null, headers: {} }, bytes: 10 })

test('sequence numbers begin anew after 2^31 records, as Kafka counts them', () => {
  const lane = new Lane(0, { producerId: 1n, producerEpoch: 0 })
  for (let count = 0; count < 4; count++) lane.push(item())
  const batch = lane.batch
  if (batch === null) throw new Error('nothing to send')
  batch.firstSequence = 2 ** 31 - 2
  lane.acknowledged(batch)
  lane.push(item())
  expect(lane.batch?.firstSequence).toBe(2)
})

test('a batch that is halved keeps its order and its first number', () => {
  const lane = new Lane(0, { producerId: 1n, producerEpoch: 0 })
  const items = Array.from({ length: 5 }, item)
  for (const one of items) lane.push(one)
  const batch = lane.batch
  if (batch === null) throw new Error('nothing to send')
  expect(lane.halve(batch)).toBe(true)
  expect(lane.batch?.items).toEqual(items.slice(0, 3))
  lane.acknowledged(batch)
  expect(lane.batch).toMatchObject({ firstSequence: 3 })
  expect(lane.batch?.items).toEqual(items.slice(3))
})
