/** Kinds of values. Each takes what YAML makes of it and the text of `--set`; its message completes "KEY: ...". */
import * as v from 'valibot'

import { quoted } from '../../config/address.ts'
import { choice as optionChoice } from '../../config/value.ts'

const asText = v.pipe(
  v.union([v.string(), v.number(), v.boolean()], 'must be a text'),
  v.transform((value) => String(value)),
)

const matching = (pattern: RegExp, accepts: string) =>
  v.pipe(
    asText,
    v.regex(pattern, (issue) => `${quoted(issue.input)} is not ${accepts}`),
  )

export const text = v.pipe(
  asText,
  v.check((value) => value.trim() !== '', 'is empty'),
)

/** A name of an object or of a namespace. */
export const dnsLabel = v.pipe(
  matching(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'a name of a-z, 0-9 and - (RFC 1123)'),
  v.maxLength(63, 'is longer than 63 characters'),
)
export const objectName = v.pipe(
  matching(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'a name of a-z, 0-9, - and . (RFC 1123)'),
  v.maxLength(253, 'is longer than 253 characters'),
)
/** The same, where somebody may write the secret itself: it is not repeated. */
export const secretName = v.pipe(
  asText,
  v.regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'is not the name of a Secret (a-z, 0-9, - and .; not what is in it)'),
  v.maxLength(253, 'is longer than 253 characters'),
)
export const hostName = matching(
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/,
  'a host name like stockpipe.example.com',
)

export function integer({ min, max }: { min: number; max: number }) {
  const allowed = `a whole number from ${min} to ${max}`
  const isIn = (value: number) => Number.isInteger(value) && value >= min && value <= max
  return v.pipe(
    v.union([v.number(), v.string()], `must be ${allowed}`),
    v.transform((value) => (typeof value === 'number' ? value : /^\d+$/.test(value) ? Number(value) : Number.NaN)),
    v.check(isIn, `is not ${allowed}`),
  )
}

export const truth = v.pipe(
  v.union([v.boolean(), v.picklist(['true', 'false'])], 'must be true or false'),
  v.transform((value) => value === true || value === 'true'),
)

export function choice<const Choice extends string>(choices: readonly Choice[]) {
  const { accepts } = optionChoice(choices)
  return v.picklist(choices, (issue) => `${JSON.stringify(issue.input)} is not one of ${accepts}`)
}

const BYTES = /^[1-9]\d*(\.\d+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$/
export const bytes = matching(BYTES, 'a size like 8Gi or 512Mi')
export const cpus = matching(/^([1-9]\d*m|\d+(\.\d{1,3})?)$/, 'a number of processors like 2, 0.5 or 250m')
/** Of a Java heap, as Java and Cassandra write it. */
export const heap = matching(/^[1-9]\d*[mMgG]$/, 'a heap like 512m or 4G')

/** A version and not a name that moves: what runs must not depend on when it was pulled. */
export const imageReference = v.pipe(
  matching(
    /^[a-z0-9]+([._:/-][a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/,
    'an image like registry.example.com/stockpipe:0.1.0, or with @sha256:...',
  ),
  v.check((value) => isPinned(value), 'has no version: give a tag other than latest, or a digest'),
)

export function isPinned(image: string): boolean {
  if (image.includes('@sha256:')) return true
  const tag = /:([\w][\w.-]*)$/.exec(image)?.[1]
  return tag !== undefined && tag !== 'latest'
}

export const registry = matching(
  /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/,
  'a registry like registry.example.com/team, without a slash at the end',
)

export const webAddress = matching(
  /^https?:\/\/[a-z0-9]([-.a-z0-9]*[a-z0-9])?(:\d{1,5})?(\/[\w./-]*)?$/,
  'an address like http://prometheus.monitoring:9090',
)
