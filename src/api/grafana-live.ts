/**
 * Trades into Grafana Live while they happen: one point per symbol and push, by `POST /api/live/push/<stream>`. Nothing
 * waits for it: while Grafana is slow or away, what is new is merged into the next point.
 */
import { LIVE_STREAM } from '../grafana-channel.ts'
import type { Live } from '../stream/live.ts'
import type { Context } from '../telemetry.ts'
import { Points } from './live-points.ts'

const EVERY_MS = 200
const PATIENCE_MS = 5_000
/** Between two tries while Grafana does not take pushes. */
const PAUSE_MS = 2_000

export interface GrafanaLiveOptions {
  /** Of Grafana itself. */
  url: string
  token: string | null
  live: Live
  context: Context
}

/** Runs until `signal` aborts. A Grafana that refuses or is away is named in the log, once, and tried again. */
export async function pushToGrafana(options: GrafanaLiveOptions, signal: AbortSignal): Promise<void> {
  const { live, context } = options
  const { clock, metrics } = context
  const points = new Points(clock)
  const unsubscribe = live.subscribe((update) => points.take(update))
  const news = new News(context)
  try {
    while (!signal.aborted) {
      const drained = points.drain()
      const trouble = drained.size === 0 ? undefined : await push(points.lines(drained), options, signal)
      if (typeof trouble === 'string') points.putBack(drained)
      if (trouble !== undefined && !signal.aborted) {
        metrics.grafanaLive.inc({ outcome: trouble === null ? 'ok' : 'failed' })
        news.tell(trouble)
      }
      await clock.sleep(typeof trouble === 'string' ? PAUSE_MS : EVERY_MS, signal)
    }
  } finally {
    unsubscribe()
  }
}

/** Resolves to what is wrong, null: nothing. */
async function push(
  body: string,
  { url, token }: Pick<GrafanaLiveOptions, 'url' | 'token'>,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const answer = await fetch(`${url.replace(/\/$/, '')}/api/live/push/${LIVE_STREAM}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    })
    await answer.body?.cancel()
    return answer.ok ? null : `it answers ${answer.status}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  'it answers 401': 'give the token of a service account: --grafana-live-token-file',
  'it answers 403': 'the service account needs the role Editor',
  'it answers 404': 'check --grafana-live-url; Grafana Live may be turned off (GF_LIVE_MAX_CONNECTIONS)',
}

/** One line when it fails, one when the reason changes, one when it works again. */
class News {
  readonly #context: Pick<Context, 'log'>
  #trouble: string | null = null

  constructor(context: Pick<Context, 'log'>) {
    this.#context = context
  }

  tell(trouble: string | null): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    const { log } = this.#context
    if (trouble === null) log.info('grafana_live.recovered')
    else
      log.warn('grafana_live.failing', {
        why: trouble,
        try: ADVICE[trouble] ?? 'check that Grafana runs, and --grafana-live-url',
        note: 'tried again until it works; trades are merged meanwhile',
      })
  }
}
