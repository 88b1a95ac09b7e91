import type { ServerWebSocket } from 'bun'
import { Hono } from 'hono'
import { upgradeWebSocket } from 'hono/bun'
import { describeRoute } from 'hono-openapi'
import * as v from 'valibot'

import { originAllowed } from '../guard.ts'
import { type Api, problemResponses } from '../list.ts'
import { Connection } from '../live/connection.ts'
import { type ApiEnv, problem } from '../problem.ts'
import { accessToken, checked } from '../query.ts'

/** A client that has more than this waiting for it is slow. */
const MAX_BUFFERED = 256 * 1024

export const streamRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/stream',
    describeRoute({
      summary: 'Live data over a WebSocket',
      description:
        'Send `{"subscribe":["trades:BINANCE:BTCUSDT","candles:1s:AAPL","windows:AAPL","latest:*"]}`; each channel answers ' +
        'with a `snapshot`, then `update`s whose `seq` counts by one. A slow client gets merged updates after a ' +
        '`conflated` message that says how many rows were left out. `unsubscribe` and `ping` work alike.',
      tags: ['live'],
      responses: {
        101: { description: 'The connection is a WebSocket from here on' },
        400: problemResponses[400],
        401: problemResponses[401],
        403: { description: 'The page that asks is of another origin' },
        426: { description: 'The request is no WebSocket handshake' },
      },
    }),
    checked(v.object({ access_token: accessToken })),
    (c) => {
      if (c.req.header('upgrade')?.toLowerCase() !== 'websocket')
        return problem(c, {
          status: 426,
          detail: 'This address speaks WebSocket; /v1/events has the same over plain HTTP',
          headers: { upgrade: 'websocket', connection: 'Upgrade' },
        })
      if (!originAllowed(c.req.raw.headers, api.corsOrigin))
        return problem(c, { status: 403, detail: 'Pages of this origin may not connect; see --cors-origin' })
      return upgradeWebSocket(c, socketEvents(api))
    },
  )

function socketEvents({ hub }: Api) {
  let connection: Connection | null = null
  const closed = new AbortController()
  return {
    onOpen(_event: Event, ws: SocketContext) {
      const raw = ws.raw
      connection = new Connection(hub, {
        send: (text) => ws.send(text),
        isFull: () => (raw?.getBufferedAmount() ?? 0) > MAX_BUFFERED,
        close: (code, reason) => ws.close(code, reason),
      })
      const end = () => ws.close(1001, 'the server stops')
      if (hub.signal.aborted) end()
      else hub.signal.addEventListener('abort', end, { once: true, signal: closed.signal })
    },
    onMessage(event: MessageEvent<unknown>) {
      connection?.receive(event.data)
    },
    onClose() {
      closed.abort()
      connection?.close()
    },
  }
}

interface SocketContext {
  raw?: ServerWebSocket<unknown>
  send(text: string): void
  close(code: number, reason: string): void
}
