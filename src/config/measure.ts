/** Durations (ms) and sizes (bytes), as people write them. */
import { refuse, type ValueType } from './value.ts'

const TIME_UNITS = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SIZE_UNITS = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
} as const

interface Scale {
  noun: string
  like: string
  units: Readonly<Record<string, number>>
}
const TIME: Scale = { noun: 'duration', like: '15s or 100ms', units: TIME_UNITS }
const SIZE: Scale = { noun: 'size', like: '500MB or 2GB', units: SIZE_UNITS }

/** Throws `config` for text without a number and a unit of the scale. A bare number is taken only with `bare`. */
function measure(value: string, scale: Scale, bare: boolean): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value.trim()) ?? []
  if (digits === undefined || unit === undefined) throw refuse(`is not a ${scale.noun}`)
  if (unit === '') {
    if (bare || Number(digits) === 0) return Math.round(Number(digits))
    throw refuse('has no unit', `write ${value.trim()}${scale === TIME ? 's or ' + value.trim() + 'ms' : 'MB'}`)
  }
  const factor = Object.hasOwn(scale.units, unit.toLowerCase()) ? scale.units[unit.toLowerCase()] : undefined
  if (factor === undefined) throw refuse(`has the unknown unit ${unit}`, `units: ${Object.keys(scale.units).join(' ')}`)
  return Math.round(Number(digits) * factor)
}

/** `90s`; a day is `24h`, more whole days are `7d`. */
export function printDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms === TIME_UNITS.d) return '24h'
  const unit = (['d', 'h', 'm', 's'] as const).find((unit) => ms % TIME_UNITS[unit] === 0) ?? 'ms'
  return `${ms / TIME_UNITS[unit]}${unit}`
}

/** `2GB`; binary units where only they are whole. */
export function printSize(bytes: number): string {
  const whole = ([name, unit]: readonly [string, keyof typeof SIZE_UNITS]) => ({ name, bytes: SIZE_UNITS[unit] })
  const units = [
    ['TB', 'tb'],
    ['TiB', 'tib'],
    ['GB', 'gb'],
    ['GiB', 'gib'],
    ['MB', 'mb'],
    ['MiB', 'mib'],
    ['kB', 'kb'],
    ['KiB', 'kib'],
  ] as const
  const unit = units.map(whole).find((unit) => bytes > 0 && bytes % unit.bytes === 0) ?? { name: 'B', bytes: 1 }
  return `${bytes / unit.bytes}${unit.name}`
}

interface DurationRange {
  min: number
  max: number
  /** A number without a unit is ms. */
  bare?: boolean
}

/** ms */
export function duration({ min, max, bare = false }: DurationRange): ValueType<number> {
  const accepts = `${printDuration(min)} to ${printDuration(max)}, like ${TIME.like}`
  return {
    accepts,
    parse(value) {
      const ms = measure(value, TIME, bare)
      if (ms < min) throw refuse('is too short', `allowed: ${accepts}`)
      if (ms > max) throw refuse('is too long', `allowed: ${accepts}`)
      return ms
    },
    print: printDuration,
  }
}

/** bytes */
export function size({ min, max }: { min: number; max: number }): ValueType<number> {
  const accepts = `${printSize(min)} to ${printSize(max)}, like ${SIZE.like}`
  return {
    accepts,
    parse(value) {
      const bytes = measure(value, SIZE, false)
      if (bytes < min) throw refuse('is too small', `allowed: ${accepts}`)
      if (bytes > max) throw refuse('is too large', `allowed: ${accepts}`)
      return bytes
    },
    print: printSize,
  }
}

/** The value, or null for `word`. */
export const orWord = <T>(type: ValueType<T>, word: string): ValueType<T | null> => ({
  accepts: `${type.accepts}, or ${word}`,
  nullWord: word,
  parse: (value) => (value.trim().toLowerCase() === word ? null : type.parse(value)),
  print: (value) => (value === null ? word : type.print(value)),
})
