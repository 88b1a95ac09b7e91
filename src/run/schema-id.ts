import type { Settings } from '../config.ts'
import { StockpipeError } from '../errors.ts'
import { SCHEMA_ID } from '../stream/codec.ts'
import { retry } from '../stream/retry.ts'
import schema from '../stream/trade.avsc' with { type: 'json' }
import type { Context } from '../telemetry.ts'

const ANSWER_MS = 10_000

/** The id in front of every value: that of the schema in the registry, which is given the schema where it lacks it. */
export async function schemaIdFor(settings: Settings, context: Context, signal: AbortSignal): Promise<number> {
  const { avroFraming, schemaRegistryUrl, kafkaTopic } = settings
  if (avroFraming === 'raw' || schemaRegistryUrl === null) return SCHEMA_ID
  const url = `${schemaRegistryUrl.replace(/\/$/, '')}/subjects/${encodeURIComponent(`${kafkaTopic}-value`)}/versions`
  return retry('registry', () => register(url, signal), { context, signal })
}

async function register(url: string, signal: AbortSignal): Promise<number> {
  const answer = await ask(url, signal)
  const body: unknown = await answer.json().catch(() => null)
  const { id, message } = (body ?? {}) as { id?: unknown; message?: unknown }
  if (answer.ok && typeof id === 'number' && Number.isInteger(id)) return id
  const isBusy = answer.status >= 500 || answer.status === 429
  throw new StockpipeError('schema', `the schema registry at ${new URL(url).host} does not take the schema`, {
    why: typeof message === 'string' ? message : `it answered ${answer.status}`,
    hint: 'check --schema-registry-url, and that the subject has no other schema',
    retryable: isBusy,
    mendable: true,
  })
}

async function ask(url: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: JSON.stringify(schema) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    })
  } catch (cause) {
    throw new StockpipeError('unreachable', `the schema registry at ${new URL(url).host} does not answer`, {
      hint: 'check that it runs and that --schema-registry-url names it',
      retryable: true,
      cause,
    })
  }
}
