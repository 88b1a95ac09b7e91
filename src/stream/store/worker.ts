import { systemClock } from '../../clock.ts'
import { StockpipeError, wrap } from '../../errors.ts'
import type { EventAt } from '../../log-events.ts'
import type { Fields, Level, Log } from '../../telemetry.ts'
import type { Store } from '../store.ts'
import { openEmbeddedStore } from './embedded.ts'
import { unpackTrades } from './packed-trades.ts'
import type { Answer, Request } from './worker-protocol.ts'

/** The thread that writes the embedded store, so that neither inserts nor fsyncs hold up the rest of the program. */
declare const self: Worker

let store: Store | null = null

const answer = (message: Answer): void => self.postMessage(message)

const say =
  <L extends Level>(level: L) =>
  (event: EventAt<L>, fields: Fields = {}): void =>
    answer({ kind: 'log', level, event, fields } as Answer)
const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }

async function perform(request: Request): Promise<void> {
  if (request.kind === 'open') {
    store = await openEmbeddedStore({ ...request, clock: systemClock, log })
    return
  }
  if (store === null) throw new StockpipeError('internal', 'the store is not open')
  if (request.kind === 'write') await store.write({ ...request.rows, trades: unpackTrades(request.trades) })
  else if (request.kind === 'prune') await store.prune(request.now)
  else await store[Symbol.asyncDispose]()
}

async function handle(request: Request): Promise<void> {
  const { id } = request
  try {
    await perform(request)
    answer({ kind: 'done', id })
  } catch (error) {
    const { code, message, why, hint, retryable, cause } = wrap('internal', 'the store failed', error)
    answer({
      kind: 'failed',
      id,
      failure: { code, message, why: why ?? (cause instanceof Error ? cause.message : undefined), hint, retryable },
    })
  }
}

self.addEventListener('message', ({ data }: MessageEvent<Request>) => void handle(data))
