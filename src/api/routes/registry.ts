import { type Context as HonoContext, Hono } from 'hono'
import { describeRoute } from 'hono-openapi'

import { SCHEMA_ID } from '../../stream/codec.ts'
import schema from '../../stream/trade.avsc' with { type: 'json' }
import { canonicalSchema } from '../canonical-schema.ts'
import { type ApiEnv, quoted } from '../problem.ts'
import { REGISTRY_ROOTS, REGISTRY_TYPE, registryAnswer, registryError } from '../registry-protocol.ts'

type Context = HonoContext<ApiEnv>

const TEXT = JSON.stringify(schema)
const FORM = canonicalSchema(TEXT)
const VERSION = 1
/** The schema never changes, so that every version can be read by every reader. */
const COMPATIBILITY = 'FULL'

/**
 * A schema registry of one schema: the value of `topic` as `--avro-framing confluent` writes it. It is read-only, but a
 * client that registers this very schema when it starts is told its id, as if it had just been registered.
 */
export function registryRoutes(topic: string): Hono<ApiEnv> {
  const subject = `${topic}-value`
  const app = new Hono<ApiEnv>()
  addSchemas(app, subject)
  addSubjects(app, subject)
  addSettings(app, subject)
  addRefusals(app)
  return app
}

function addSchemas(app: Hono<ApiEnv>, subject: string): void {
  const known = (c: Context, answer: () => Response): Response =>
    Number(c.req.param('id')) === SCHEMA_ID
      ? answer()
      : registryError(c, 'noSchema', `Schema ${quoted(c.req.param('id') ?? '')} not found`)
  app
    .get('/schemas', describe('All versions of all subjects'), (c) => registryAnswer(c, [entry(subject)]))
    .get('/schemas/types', describe('Kinds of schemas'), (c) => registryAnswer(c, ['AVRO']))
    .get('/schemas/ids/:id', describe('A schema by its id', NOT_FOUND), (c) =>
      known(c, () => registryAnswer(c, { schema: TEXT, ...(isTrue(c, 'fetchMaxId') ? { maxId: SCHEMA_ID } : {}) })),
    )
    .get('/schemas/ids/:id/schema', describe('The text alone', NOT_FOUND), (c) => known(c, () => schemaText(c)))
    .get('/schemas/ids/:id/subjects', describe('Subjects that use an id', NOT_FOUND), (c) =>
      known(c, () => registryAnswer(c, [subject])),
    )
    .get('/schemas/ids/:id/versions', describe('Subjects and versions that use an id', NOT_FOUND), (c) =>
      known(c, () => registryAnswer(c, [{ subject, version: VERSION }])),
    )
}

function addSubjects(app: Hono<ApiEnv>, subject: string): void {
  const known = (c: Context, answer: () => Response): Response =>
    c.req.param('subject') === subject ? answer() : noSubject(c)
  const version = (c: Context, answer: () => Response): Response => known(c, () => wrongVersion(c) ?? answer())
  app
    .get('/subjects', describe('The subjects'), (c) =>
      registryAnswer(c, subject.startsWith(c.req.query('subjectPrefix') ?? '') ? [subject] : []),
    )
    .get('/subjects/:subject/versions', describe('Versions of a subject', NOT_FOUND), (c) =>
      known(c, () => registryAnswer(c, [VERSION])),
    )
    .get('/subjects/:subject/versions/:version', describe('A version, or `latest`', NOT_FOUND), (c) =>
      version(c, () => registryAnswer(c, entry(subject))),
    )
    .get('/subjects/:subject/versions/:version/schema', describe('The text alone', NOT_FOUND), (c) =>
      version(c, () => schemaText(c)),
    )
    .get('/subjects/:subject/versions/:version/referencedby', describe('What refers to it', NOT_FOUND), (c) =>
      version(c, () => registryAnswer(c, [])),
    )
    .post('/subjects/:subject', describe('Is this schema registered?', NOT_FOUND), async (c) => {
      const given = await givenForm(c)
      return known(c, () => {
        if (given === null) return invalidSchema(c)
        return given === FORM ? registryAnswer(c, entry(subject)) : registryError(c, 'noSchema', 'Schema not found')
      })
    })
    .post('/subjects/:subject/versions', describe('Registers nothing, but answers a known schema', NOT_WRITTEN), (c) =>
      register(c, subject),
    )
}

function addSettings(app: Hono<ApiEnv>, subject: string): void {
  const isKnown = (c: Context) => c.req.param('subject') === subject || isTrue(c, 'defaultToGlobal')
  const name = (c: Context) => quoted(c.req.param('subject') ?? '')
  app
    .get('/config', describe('Compatibility'), (c) => registryAnswer(c, { compatibilityLevel: COMPATIBILITY }))
    .get('/config/:subject', describe('Compatibility of a subject', NOT_FOUND), (c) =>
      isKnown(c)
        ? registryAnswer(c, { compatibilityLevel: COMPATIBILITY })
        : registryError(c, 'noSubjectConfig', `Subject ${name(c)} has no compatibility of its own`),
    )
    .get('/mode', describe('READONLY'), (c) => registryAnswer(c, { mode: 'READONLY' }))
    .get('/mode/:subject', describe('READONLY', NOT_FOUND), (c) =>
      isKnown(c)
        ? registryAnswer(c, { mode: 'READONLY' })
        : registryError(c, 'noSubjectMode', `Subject ${name(c)} has no mode of its own`),
    )
}

/** Below every address of the registry: what it does not have, and what would change it. */
function addRefusals(app: Hono<ApiEnv>): void {
  for (const root of REGISTRY_ROOTS) {
    app.get(`/${root}/*`, (c) => registryError(c, 'noRoute', 'This registry has no such address'))
    app.on(['POST', 'PUT', 'PATCH', 'DELETE'], [`/${root}`, `/${root}/*`], readOnly)
  }
}

const entry = (subject: string) => ({ subject, version: VERSION, id: SCHEMA_ID, schema: TEXT })

const isTrue = (c: Context, parameter: string): boolean => c.req.query(parameter)?.toLowerCase() === 'true'

const schemaText = (c: Context): Response => c.body(TEXT, 200, { 'content-type': REGISTRY_TYPE })

const noSubject = (c: Context): Response =>
  registryError(c, 'noSubject', `Subject ${quoted(c.req.param('subject') ?? '')} not found`)

const invalidSchema = (c: Context): Response => registryError(c, 'invalidSchema', 'This is no Avro schema')

const readOnly = (c: Context): Response =>
  registryError(c, 'notPermitted', 'This registry is read-only: stockpipe serves the one schema that it writes')

/** Null when the version is there. */
function wrongVersion(c: Context): Response | null {
  const given = c.req.param('version') ?? ''
  if (given === 'latest' || given === '-1' || given === String(VERSION)) return null
  return /^[1-9]\d{0,9}$/.test(given)
    ? registryError(c, 'noVersion', `Version ${given} not found`)
    : registryError(c, 'invalidVersion', `${quoted(given)} is no version: a number from 1 on, or latest`)
}

async function register(c: Context, subject: string): Promise<Response> {
  const given = await givenForm(c)
  if (given === null) return invalidSchema(c)
  return given === FORM && c.req.param('subject') === subject ? registryAnswer(c, entry(subject)) : readOnly(c)
}

/** The form of the schema in the body; of another kind of schema its name, which no Avro schema has; null for none. */
async function givenForm(c: Context): Promise<string | null> {
  try {
    const body: unknown = await c.req.json()
    const { schema: text, schemaType } = Object(body) as { schema?: unknown; schemaType?: unknown }
    if (schemaType !== undefined && schemaType !== null && schemaType !== 'AVRO') return '-'
    return typeof text === 'string' ? canonicalSchema(text) : null
  } catch {
    return null
  }
}

type Responses = NonNullable<Parameters<typeof describeRoute>[0]['responses']>
const content = { content: { [REGISTRY_TYPE]: { schema: { $ref: '#/components/schemas/RegistryError' } } } }
const NOT_FOUND: Responses = { 404: { description: 'Not here; `error_code` says what', ...content } }
const NOT_WRITTEN: Responses = { 422: { description: 'The registry is read-only', ...content } }

const describe = (summary: string, more: Responses = {}) =>
  describeRoute({
    summary,
    tags: ['registry'],
    security: [{}, { token: [] }, { password: [] }],
    responses: {
      200: { description: 'Found', content: { [REGISTRY_TYPE]: { schema: {} } } },
      401: { description: 'The token is missing or wrong', ...content },
      ...more,
    },
  })
