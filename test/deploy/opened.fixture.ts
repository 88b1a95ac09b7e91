/** `deploy open api`, kept open, and what the API says by way of it. */
import type { Installation } from './installation.fixture.ts'
import { until } from '../until.ts'

export interface Trade {
  symbol: string
  trade_ts: number
  price: number
}

export interface Gap {
  from_ts: number
  to_ts: number
  cause: string
}

export interface OpenedApi extends AsyncDisposable {
  url: string
  isRunning(): boolean
  /** Null while it does not answer. */
  ask<Answer>(path: string): Promise<Answer | null>
  latest(): Promise<Trade[]>
  gaps(): Promise<Gap[]>
  tradesOf(symbol: string, range: { from: number; to: number }): Promise<Trade[]>
  /** Waits until trades are served that were made after this moment. */
  flows(since?: number): Promise<void>
}

export interface OpenedPart extends AsyncDisposable {
  url: string
  isRunning(): boolean
}

/** By the words behind `deploy`, once it says where; ended by Ctrl-C at the end of the scope. */
export async function openPart(installation: Installation, words: readonly string[]): Promise<OpenedPart> {
  const child = installation.start(words)
  let said = ''
  void (async () => {
    for await (const bytes of child.stdout) said += Buffer.from(bytes).toString()
  })()
  const url = await until(
    () => /http:\/\/\S+/.exec(said)?.[0] ?? (child.exitCode === null ? '' : 'ended'),
    (text) => text !== '',
  )
  if (url === 'ended') throw new Error(await new Response(child.stderr).text())
  return {
    url,
    isRunning: () => child.exitCode === null,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGINT')
      await child.exited
    },
  }
}

export async function openApi(installation: Installation): Promise<OpenedApi> {
  const opened = await openPart(installation, ['open', 'api', '--no-browser'])
  const { url } = opened
  const ask = async <Answer>(path: string): Promise<Answer | null> => {
    try {
      const response = await fetch(`${url}${path}`, { keepalive: false, signal: AbortSignal.timeout(5_000) })
      return response.ok ? ((await response.json()) as Answer) : null
    } catch {
      return null
    }
  }
  const list = async <Row>(path: string): Promise<Row[]> => {
    const answer = await until(
      async () => (await ask<{ data: Row[] }>(path)) ?? (await Bun.sleep(200), null),
      (found) => found !== null,
    )
    return answer?.data ?? []
  }
  const latest = () => list<Trade>('/v1/latest')
  return {
    ...opened,
    ask,
    latest,
    gaps: () => list<Gap>('/v1/gaps?limit=1000'),
    tradesOf: (symbol, { from, to }) =>
      list<Trade>(`/v1/trades?symbol=${encodeURIComponent(symbol)}&from=${from}&to=${to}`),
    flows: async (since = Date.now()) => {
      await until(latest, (rows) => rows.some(({ trade_ts }) => trade_ts > since))
    },
  }
}
