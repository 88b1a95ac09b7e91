/** Settings in words: for `stockpipe config`, and for anything else that prints a value. */
import type { Origins } from './derive.ts'
import { kebab, type Option } from './option.ts'
import { KEYS, OPTIONS, type Key, type Settings } from './options.ts'
import type { Printed } from './value.ts'

export interface Shown {
  option: string
  /** Null: not set. Secrets are `***`. */
  value: Printed | null
  origin: string
}

export const showSettings = (settings: Settings, origins: Origins): Shown[] =>
  KEYS.map((key) => ({ option: kebab(key), value: showValue(key, settings[key]), origin: origins[key].name }))

/** As it would be written in the file; secrets are `***`. */
export function showValue(key: Key, value: unknown): Printed | null {
  const { type, secret } = OPTIONS[key] as Option<unknown>
  if (value === null) return type.nullWord ?? null
  return secret ? '***' : type.print(value)
}

const words = (value: Printed | null): string =>
  value === null ? '-' : Array.isArray(value) ? value.join(',') : String(value)

export function asText(shown: readonly Shown[]): string {
  const widest = (of: (row: Shown) => string) => Math.min(60, Math.max(...shown.map((row) => of(row).length)))
  const name = widest((row) => row.option)
  const value = widest((row) => words(row.value))
  return shown.map((row) => `${row.option.padEnd(name)}  ${words(row.value).padEnd(value)}  ${row.origin}\n`).join('')
}

export const asJson = (shown: readonly Shown[]): string =>
  `${JSON.stringify(Object.fromEntries(shown.map(({ option, value, origin }) => [option, { value, origin }])), null, 2)}\n`

/** A `stockpipe.yaml` that gives the same settings; what cannot be said there is a comment. */
export const asYaml = (shown: readonly Shown[]): string => shown.map(yamlLine).join('')

function yamlLine({ option, value, origin }: Shown): string {
  const text = Array.isArray(value)
    ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]`
    : typeof value === 'string'
      ? JSON.stringify(value)
      : String(value ?? '')
  const isComment = value === null || value === '***' || option === 'config'
  return `${isComment ? '# ' : ''}${option}: ${text}`.trimEnd() + `  # ${origin}\n`
}
