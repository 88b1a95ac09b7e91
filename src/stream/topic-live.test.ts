import { expect, test } from 'bun:test'

import type { Broker } from './broker.ts'
import { latestRow } from './store.contract-rows.ts'
import { noRows } from './store.ts'
import { topicLive } from './topic-live.ts'
import { manualClock } from '../clock.ts'
import { createMetrics, Health, silentLog } from '../telemetry.ts'

const START = 1_700_000_000_000
const never = new AbortController().signal
const turn = () => new Promise(setImmediate)

function liveOn(broker: Partial<Broker>) {
  const clock = manualClock(START)
  const context = { clock, log: silentLog, metrics: createMetrics(), health: new Health() }
  const windows = { window: 15_000, hop: 5_000, delay: 15_000, futureLimit: 5_000 }
  return { clock, live: topicLive({ broker: broker as Broker, topic: 'market', partitions: 1, windows, context }) }
}

const price = (symbol: string, t: number) => ({
  ...noRows(),
  latest: [latestRow(symbol, t)],
})

test('who commits waits for what was published before, not for what others go on publishing', async () => {
  let sent = 0
  const { live, clock } = liveOn({
    async append() {
      await turn()
      // Another partition is never silent.
      live.publish(price('B', START + ++sent))
      return []
    },
  })
  live.publish(price('A', START))
  const published = new AbortController()
  void live.published(never).then(() => published.abort())
  for (let turns = 0; turns < 100 && !published.signal.aborted; turns++) {
    clock.advance(50)
    await turn()
  }
  expect(published.signal.aborted).toBe(true)
  expect(sent).toBeLessThan(4)
})
