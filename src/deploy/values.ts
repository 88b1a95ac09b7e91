/** What may be said about an installation, checked: every problem at once, each with what is allowed instead. */
import * as v from 'valibot'

import { nearest } from '../config/nearest.ts'
import { type Problem, toError } from '../config/problems.ts'
import type { ProfileName } from './profile.ts'
import { type RawValues, valuesSchema } from './values/schema.ts'
import { variablesOf } from './values/settings.ts'
import { gathered, type ValuesFile } from './values/source.ts'

export type { ValuesFile }

export interface Values extends RawValues {
  profile: ProfileName
  /** `settings` as variables of the ConfigMap. */
  variables: Readonly<Record<string, string>>
}

export interface ValuesSource {
  profile?: ProfileName
  /** Over `namespace` of the files. */
  namespace?: string
  /** Later ones win. */
  files?: readonly ValuesFile[]
  /** `a.b=c`, over the files. */
  sets?: readonly string[]
}

/** Throws `config` that names every problem. */
export function readValues({ profile = 'minikube', namespace, files = [], sets = [] }: ValuesSource = {}): Values {
  const problems: Problem[] = []
  const raw = gathered(files, namespace === undefined ? sets : [...sets, `namespace=${namespace}`], problems)
  const { success, output, issues } = v.safeParse(valuesSchema, raw)
  if (!success) problems.push(...issues.map((issue) => problemOf(issue)))
  const settings = 'settings' in raw ? raw.settings : {}
  const variables = variablesOf((settings ?? {}) as Record<string, unknown>, problems)
  if (success) problems.push(...contradictions(output, variables))
  if (!success || problems.length > 0) throw toError(problems, 'correct the values; the manual of deploy lists them')
  return { ...output, profile, variables }
}

function problemOf(issue: v.BaseIssue<unknown>): Problem {
  const path = v.getDotPath(issue) ?? ''
  if (issue.type !== 'strict_object' || issue.expected !== 'never') return { what: `${path}: ${issue.message}` }
  const key = path.split('.').at(-1) ?? ''
  const known = knownAt(path.split('.').slice(0, -1))
  const meant = nearest(key, known)
  return {
    what: `there is no value ${path}`,
    why:
      meant === null
        ? `known here: ${known.join(', ')}`
        : `did you mean ${[...path.split('.').slice(0, -1), meant].join('.')}?`,
  }
}

/** The keys of the schema below a path. */
function knownAt(path: readonly string[]): string[] {
  let schema: unknown = valuesSchema
  for (const key of path) schema = entriesOf(schema)?.[key] ?? (/^\d+$/.test(key) ? itemOf(schema) : undefined)
  return Object.keys(entriesOf(schema) ?? {})
}

type Entries = Readonly<Record<string, unknown>>
/** Through what wraps a map: optional values and pipes. */
function entriesOf(schema: unknown): Entries | undefined {
  const { entries, wrapped, pipe } = (schema ?? {}) as { entries?: Entries; wrapped?: unknown; pipe?: unknown[] }
  if (entries !== undefined) return entries
  if (pipe !== undefined)
    return pipe
      .slice()
      .reverse()
      .map(inner(schema))
      .find((found) => found !== undefined)
  return wrapped === undefined ? undefined : entriesOf(wrapped)
}
const inner = (outer: unknown) => (part: unknown) => (part === outer ? undefined : entriesOf(part))
const itemOf = (schema: unknown): unknown => {
  const { item, wrapped } = (schema ?? {}) as { item?: unknown; wrapped?: unknown }
  return item ?? (wrapped === undefined ? undefined : itemOf(wrapped))
}

/** What no single value can know. */
function contradictions(values: RawValues, variables: Readonly<Record<string, string>>): Problem[] {
  const { api, grafana, processor, monitoring } = values
  const { by, min, max } = processor.autoscaling
  const partitions = Number(variables['STOCKPIPE_PARTITIONS'] ?? 12)
  const most = Math.max(processor.replicas ?? 0, by === 'none' ? 0 : (max ?? 0))
  const problems: (Problem | false)[] = [
    (api.exposure === 'ingress' || api.exposure === 'gateway') &&
      api.host === undefined && {
        what: `api.exposure ${api.exposure} needs api.host`,
        why: 'it is the name that callers use',
      },
    api.exposure === 'gateway' &&
      api.class === undefined && {
        what: 'api.exposure gateway needs api.class',
        why: 'it names who serves the gateway',
      },
    grafana.liveTokenSecret !== undefined &&
      !grafana.enabled && {
        what: 'grafana.liveTokenSecret needs grafana.enabled',
        why: 'it lets the api push into the Grafana that deploy installs',
      },
    monitoring.prometheusUrl !== undefined &&
      monitoring.namespace === undefined && {
        what: 'monitoring.prometheusUrl needs monitoring.namespace',
        why: 'only pods of that namespace may be asked',
      },
    monitoring.by === 'operator' &&
      monitoring.namespace === undefined && {
        what: 'monitoring.by operator needs monitoring.namespace',
        why: 'only a Prometheus of that namespace may read the pods',
      },
    monitoring.labels !== undefined &&
      monitoring.by !== 'operator' && {
        what: 'monitoring.labels needs monitoring.by operator',
        why: "they are labels of the operator's objects",
      },
    by !== 'none' &&
      processor.replicas !== undefined && {
        what: `processor.replicas and processor.autoscaling.by ${by} exclude each other`,
        why: 'set processor.autoscaling.min instead',
      },
    min !== undefined &&
      max !== undefined &&
      min > max && { what: `processor.autoscaling.min ${min} is above max ${max}` },
    most > partitions && {
      what: `${most} processors are more than ${partitions} partitions`,
      why: 'each needs one of its own; choose enough settings.partitions at first, for they are fixed from the first record on',
    },
  ]
  return problems.filter((problem) => problem !== false)
}
