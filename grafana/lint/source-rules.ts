/** The rules of data sources as Grafana provisions them. */
import type { Rule } from './lint.ts'
import { CASSANDRA_PLUGIN } from '../../src/deploy/grafana/dashboard.ts'

export interface Source {
  uid: string
  type: string
  access?: string
  url?: string
  jsonData?: Record<string, unknown>
  secureJsonData?: Record<string, unknown>
}

export interface SourceFile {
  datasources: Source[]
}

/** What the Cassandra plugin 3.3.0 reads; it ignores others without a word. */
const KNOWN = {
  jsonData: new Set(
    (
      'keyspace consistency user timeout allowedAuthenticators ' +
      'useCustomTLS useCertContent certPath rootPath caPath allowInsecureTLS'
    ).split(' '),
  ),
  secureJsonData: new Set(['password', 'certContent', 'rootContent', 'caContent']),
}
/** `host:port`, several by `;`. */
export const HOSTS = /^[\w.-]+:\d+(?:;[\w.-]+:\d+)*$/

const eachSource =
  (judge: (source: Source) => string | null): Rule<SourceFile> =>
  ({ datasources }) =>
    datasources.flatMap((source) => {
      const what = judge(source)
      return what === null ? [] : [{ where: source.uid, what }]
    })

const eachCassandra = (judge: (source: Source) => string | null): Rule<SourceFile> =>
  eachSource((source) => (source.type === CASSANDRA_PLUGIN ? judge(source) : null))

export const SOURCE_RULES: Readonly<Record<string, Rule<SourceFile>>> = {
  // By the browser no back end would be asked.
  'source-access': eachSource(({ access }) => (access === 'proxy' ? null : 'must have access: proxy')),

  'source-keys': eachCassandra((source) => {
    for (const part of ['jsonData', 'secureJsonData'] as const) {
      const unknown = Object.keys(source[part] ?? {}).find((key) => !KNOWN[part].has(key))
      if (unknown !== undefined) return `the plugin ignores ${part}.${unknown}`
    }
    return null
  }),

  // There is no default of either.
  'source-needs': eachCassandra(({ jsonData = {} }) => {
    const missing = ['keyspace', 'consistency'].filter(
      (key) => typeof jsonData[key] !== 'string' || jsonData[key] === '',
    )
    return missing.length === 0 ? null : `lacks ${missing.join(' and ')}`
  }),

  // A variable's values are those of compose.yaml and of the manifests.
  'source-hosts': eachCassandra(({ url = '' }) =>
    /^\$\w+$/.test(url) || HOSTS.test(url) ? null : `${url} is not host:port, several by ;`,
  ),
}
