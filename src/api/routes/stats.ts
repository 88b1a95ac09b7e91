import { Hono } from 'hono'
import { describeRoute, resolver } from 'hono-openapi'
import * as v from 'valibot'

import { type Api, problemResponses } from '../list.ts'
import type { ApiEnv } from '../problem.ts'
import { checked } from '../query.ts'
import { statusSchema } from '../status-schema.ts'

const answer = v.strictObject({
  data: v.strictObject({ now: v.pipe(v.number(), v.description('Unix ms')), ...statusSchema.entries }),
  request_id: v.string(),
})

export const statsRoutes = (api: Api) =>
  new Hono<ApiEnv>().get(
    '/v1/stats',
    describeRoute({
      summary: 'How the pipeline is doing',
      description: 'Rates, lag, and how long trades take hop by hop, of the last ten seconds.',
      tags: ['operation'],
      responses: {
        200: { description: 'Figures', content: { 'application/json': { schema: resolver(answer) } } },
        400: problemResponses[400],
        401: problemResponses[401],
      },
    }),
    checked(v.object({})),
    (c) => c.json({ data: { now: api.context.clock.now(), ...api.status() }, request_id: c.get('requestId') }),
  )
