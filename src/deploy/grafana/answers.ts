/** What Grafana's `/api/ds/query` answers. */
export interface Answer {
  refId: string
  /** In the words of the data source; null: none. */
  error: string | null
  rows: number
  /** The first column of all frames. */
  first: readonly string[]
}

interface Frame {
  data?: { values?: readonly (readonly unknown[])[] }
}

interface Result {
  error?: string
  frames?: readonly Frame[]
}

/** Throws what it finds, where it is no answer of Grafana's. */
export function answersOf(body: unknown): Answer[] {
  const results = isObject(body) ? body['results'] : undefined
  if (!isObject(results)) throw new TypeError(`no answer of Grafana: ${JSON.stringify(body)?.slice(0, 200)}`)
  return Object.entries(results).map(([refId, result]) => answerOf(refId, isObject(result) ? (result as Result) : {}))
}

function answerOf(refId: string, { error, frames = [] }: Result): Answer {
  const columns = frames.map(({ data }) => data?.values?.[0] ?? [])
  return {
    refId,
    error: error ?? null,
    rows: columns.reduce((sum, column) => sum + column.length, 0),
    first: columns.flatMap((column) => column.map(String)),
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
