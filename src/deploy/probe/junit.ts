/** What was tried and how it went. */
export interface Probe {
  /** As in `api`, `grafana query Market / Price`. */
  name: string
  ok: boolean
  /** What was seen, or what is wrong. */
  detail: string
  ms: number
  /** It could not be tried here; `detail` says why. */
  isLeftOut?: boolean
}

const escape = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    // XML 1.0 has no way to write these.
    .replaceAll(/[^\t\n\r -\uFFFD]/g, '?')

const seconds = (ms: number): string => (ms / 1_000).toFixed(3)

/** As continuous integration reads it. */
export function toJunit(suite: string, probes: readonly Probe[]): string {
  const failures = probes.filter(({ ok }) => !ok).length
  const time = seconds(probes.reduce((sum, { ms }) => sum + ms, 0))
  const cases = probes.map(({ name, ok, detail, ms, isLeftOut = false }) => {
    const head = `    <testcase classname="${escape(suite)}" name="${escape(name)}" time="${seconds(ms)}"`
    if (isLeftOut) return `${head}>\n      <skipped message="${escape(detail)}"/>\n    </testcase>`
    return ok ? `${head}/>` : `${head}>\n      <failure message="${escape(detail)}"/>\n    </testcase>`
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${probes.length}" failures="${failures}" time="${time}">`,
    `  <testsuite name="${escape(suite)}" tests="${probes.length}" failures="${failures}" time="${time}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}
