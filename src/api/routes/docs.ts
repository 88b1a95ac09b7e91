import { Hono } from 'hono'
import { generateSpecs } from 'hono-openapi'

import { docsPage, docsStyle, type Spec } from '../docs-page.ts'
import { problemResponses } from '../list.ts'
import type { ApiEnv } from '../problem.ts'

/** `/openapi.json`, made from the routes of `app`, and `/docs`, made from that. */
export function docsRoutes(app: Hono<ApiEnv>, version: string): Hono<ApiEnv> {
  let spec: Promise<Spec> | null = null
  const specOf = () =>
    (spec ??= generateSpecs(app, {
      documentation: documentation(version),
      defaultValidationErrorResponse: problemResponses[400],
    }))
  return new Hono<ApiEnv>()
    .get('/openapi.json', async (c) => c.json(await specOf()))
    .get('/docs', async (c) => c.html(docsPage(await specOf())))
    .get('/docs.css', (c) => c.body(docsStyle, 200, { 'content-type': 'text/css; charset=utf-8' }))
}

const text = { type: 'string' as const }

const documentation = (version: string) => ({
  openapi: '3.1.0',
  info: {
    title: 'stockpipe',
    version,
    description:
      'Trades, candles and running averages as they come. Times are unix ms or RFC 3339 in, unix ms out; ranges are ' +
      '`[from, to)`. Errors are `application/problem+json` (RFC 9457).',
  },
  tags: [
    { name: 'data', description: 'Lists, in pages' },
    { name: 'live', description: 'Push' },
    { name: 'operation', description: 'How the process is doing' },
    { name: 'registry', description: 'Schema registry, read-only, as Kafka clients and tools ask it' },
  ],
  security: [{}, { token: [] }],
  components: {
    securitySchemes: {
      token: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'Only where stockpipe was started with a token',
      },
      password: {
        type: 'http' as const,
        scheme: 'basic',
        description: 'The token as the password, with any user name; for clients of a schema registry',
      },
    },
    schemas: {
      RegistryError: {
        type: 'object' as const,
        required: ['error_code', 'message'],
        properties: { error_code: { type: 'integer' as const }, message: text },
      },
      Problem: {
        type: 'object' as const,
        required: ['type', 'title', 'status', 'detail', 'errors', 'request_id'],
        properties: {
          type: text,
          title: text,
          status: { type: 'integer' as const },
          detail: text,
          errors: {
            type: 'array' as const,
            items: { type: 'object' as const, required: ['detail'], properties: { parameter: text, detail: text } },
          },
          request_id: text,
        },
      },
    },
  },
})
