import { Hono } from 'hono'
import { describeRoute } from 'hono-openapi'
import * as v from 'valibot'

import { type Channel, parseChannel } from '../channel.ts'
import { type Api, problemResponses } from '../list.ts'
import { eventStream } from '../live/event-stream.ts'
import { MAX_CHANNELS_PER_CLIENT } from '../live/listener.ts'
import { type ApiEnv, problem, type ProblemError, quoted } from '../problem.ts'
import { accessToken, checked } from '../query.ts'

const query = v.object({
  subscribe: v.pipe(
    v.string('is needed, as in subscribe=trades:BINANCE:BTCUSDT,candles:1s:AAPL'),
    v.description('Channels, comma separated'),
    v.metadata({ examples: ['trades:BINANCE:BTCUSDT,candles:1s:AAPL,latest:*'] }),
    v.transform((text) => [...new Set(text.split(',').map((name) => name.trim()))]),
    v.maxLength(MAX_CHANNELS_PER_CLIENT, `holds more than ${MAX_CHANNELS_PER_CLIENT} channels`),
  ),
  last_event_id: v.optional(v.pipe(v.string(), v.description('The same as the header Last-Event-ID'))),
  access_token: accessToken,
})

export const eventRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/events',
    describeRoute({
      summary: 'Live data as server-sent events',
      description:
        'The messages of `/v1/stream`. After a break the header Last-Event-ID goes on where it stopped, or, when that is ' +
        'too long ago, begins with a fresh `snapshot`.',
      tags: ['live'],
      responses: {
        200: { description: 'Events', content: { 'text/event-stream': { schema: { type: 'string' } } } },
        ...problemResponses,
      },
    }),
    checked(query),
    async (c) => {
      const query = c.req.valid('query')
      const { channels, errors } = parseChannels(query.subscribe)
      const [first] = errors
      if (first) return problem(c, { status: 400, detail: `subscribe: ${first.detail}`, errors })
      const lastEventId = c.req.header('last-event-id') ?? query.last_event_id ?? null
      const stream = await eventStream(api.hub, { channels, lastEventId, signal: c.req.raw.signal })
      return c.body(stream, 200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
    },
  )

function parseChannels(names: readonly string[]): { channels: Channel[]; errors: ProblemError[] } {
  const channels: Channel[] = []
  const errors: ProblemError[] = []
  for (const name of names) {
    const channel = parseChannel(name)
    if (typeof channel === 'string') errors.push({ parameter: 'subscribe', detail: `${quoted(name)}: ${channel}` })
    else channels.push(channel)
  }
  return { channels, errors }
}
