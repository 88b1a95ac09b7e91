import { expect, test } from 'bun:test'

import { WebSocket } from 'ws'

import { openFixture } from './api.fixture.ts'
import { systemClock } from '../clock.ts'
import { serveApi } from './serve.ts'

/** What load balancers allow a connection that says nothing. */
const PATIENCE_MS = 60_000

// It waits for a ping, which comes after 24 s.
test(
  'a WebSocket without news is pinged before a load balancer ends it',
  async () => {
    await using api = await openFixture({ clock: systemClock })
    await using server = await serveApi(api.app, { host: '127.0.0.1', port: 0, context: api.context })
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/stream`)
    const from = performance.now()
    await new Promise((resolve) => socket.once('ping', resolve))
    expect(performance.now() - from).toBeLessThan(PATIENCE_MS / 2)
    socket.terminate()
  },
  PATIENCE_MS,
)
