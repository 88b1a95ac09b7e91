/** What Prometheus adds by itself. */
const OF_PROMETHEUS = new Set(['up'])
const OF_HISTOGRAMS = /_(?:bucket|sum|count)$/

/** The metrics that an expression names. */
export const metricsIn = (expr: string): string[] => [
  ...new Set(
    [...expr.matchAll(/\b(?:stockpipe_\w+|process_\w+|up)\b/g)]
      .map(([name]) => name)
      .filter((name) => !OF_PROMETHEUS.has(name)),
  ),
]

/** In words what is wrong with the metrics that an expression names; null: nothing. */
export function metricProblem(expr: string, known: ReadonlyMap<string, string>): string | null {
  const names = metricsIn(expr)
  if (names.length === 0 && !/\bup\b/.test(expr)) return 'names no metric'
  for (const name of names) {
    const base = known.get(name.replace(OF_HISTOGRAMS, '')) === 'histogram' ? name.replace(OF_HISTOGRAMS, '') : name
    const type = known.get(base)
    if (type === undefined) return `no process exports ${name}`
    if (type === 'histogram' && base === name) return `${name} is a histogram: _bucket, _sum or _count`
    if (type === 'gauge' && new RegExp(`(?:rate|increase)\\(${name}`).test(expr)) return `${name} is no counter`
  }
  return null
}

/** From the text that a process exports: the type of each metric. */
export const metricTypes = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]))
