import { Hono } from 'hono'
import { describeRoute, resolver } from 'hono-openapi'
import * as v from 'valibot'

import { type Api, problemResponses } from '../list.ts'
import type { ApiEnv } from '../problem.ts'
import { checked } from '../query.ts'

const answer = v.object({
  data: v.pipe(v.record(v.string(), v.unknown()), v.description('Rates, latency per hop, lag, state of the feed')),
  request_id: v.string(),
})

export const statsRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/stats',
    describeRoute({
      summary: 'How the pipeline is doing',
      tags: ['operation'],
      responses: {
        200: { description: 'Figures of this process', content: { 'application/json': { schema: resolver(answer) } } },
        400: problemResponses[400],
        401: problemResponses[401],
      },
    }),
    checked(v.object({})),
    (c) => c.json({ data: { now: api.context.clock.now(), ...api.status() }, request_id: c.get('requestId') }),
  )
