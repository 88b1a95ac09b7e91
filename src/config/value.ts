import { StockpipeError } from '../errors.ts'

/** How a value is written in JSON and YAML, and read again by `parse`. */
export type Printed = string | number | boolean | readonly string[]

/** One kind of value: what it accepts, how text becomes it, and how it is shown. */
export interface ValueType<T> {
  /** What is accepted, for a person: `15s, 100ms, 24h`. It completes "allowed: ". */
  readonly accepts: string
  /** Throws `config` whose message completes "VALUE ...". */
  parse(text: string): T
  print(value: T): Printed
  /** The values to choose from, where there are only a few. */
  readonly choices?: readonly string[]
  /** Several values may be given, and are joined by commas. */
  readonly list?: boolean
  /** Whatever is written is accepted, so that there is nothing to list. */
  readonly isFree?: boolean
  /** How null is written, where null is a value and not "not set". */
  readonly nullWord?: string
  /** A flag without a value. */
  readonly switch?: boolean
  /** The choice that a flag means where none follows it. */
  readonly bare?: string
  /** An empty text is a mistake rather than "not set". */
  readonly refusesEmpty?: boolean
}

/** `message` completes "VALUE ..."; `why` replaces the list of what is allowed. */
export const refuse = (message: string, why?: string): StockpipeError =>
  new StockpipeError('config', message, why === undefined ? {} : { why })

interface Range {
  min: number
  max: number
}

const within = (value: number, range: Range, accepts: string): number => {
  if (value >= range.min && value <= range.max) return value
  throw refuse(value < range.min ? 'is too small' : 'is too large', `allowed: ${accepts}`)
}

/** Any text of at least `least` characters. */
export const text = (accepts: string, least = 1): ValueType<string> => ({
  accepts,
  parse(value) {
    if (value.length < least) throw refuse('is too short')
    return value
  },
  print: (value) => value,
  isFree: true,
})

export const path: ValueType<string> = text('a path')

export const truth: ValueType<boolean> = {
  accepts: 'true or false',
  switch: true,
  parse(value) {
    const word = value.trim().toLowerCase()
    if (['true', '1', 'yes', 'on'].includes(word)) return true
    if (['false', '0', 'no', 'off'].includes(word)) return false
    throw refuse('is neither true nor false')
  },
  print: (value) => value,
}

export function choice<const Choice extends string>(choices: readonly Choice[]): ValueType<Choice> {
  return {
    accepts: choices.join(', '),
    choices,
    parse(value) {
      const found = choices.find((known) => known.toLowerCase() === value.trim().toLowerCase())
      if (found === undefined) throw refuse('is not one of the choices')
      return found
    },
    print: (value) => value,
  }
}

/** A comma separated list of choices, each at most once, in the order of `choices`. */
export function choices<const Choice extends string>(known: readonly Choice[]): ValueType<readonly Choice[]> {
  const one = choice(known)
  return {
    accepts: `${known.join(', ')} (several: comma separated)`,
    choices: known,
    list: true,
    refusesEmpty: true,
    parse(value) {
      const wanted = new Set(splitList(value).map((item) => one.parse(item)))
      return known.filter((item) => wanted.has(item))
    },
    print: (value) => value,
  }
}

export function integer(range: Range): ValueType<number> {
  const accepts = `a whole number from ${range.min} to ${range.max}`
  return {
    accepts,
    parse(value) {
      if (!/^[+-]?\d+$/.test(value.trim())) throw refuse('is not a whole number')
      return within(Number(value), range, accepts)
    },
    print: (value) => value,
  }
}

export function number(range: Range): ValueType<number> {
  const accepts = `a number from ${range.min} to ${range.max}`
  return {
    accepts,
    parse(value) {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim())) throw refuse('is not a number')
      return within(Number(value), range, accepts)
    },
    print: (value) => value,
  }
}

/** A part of the whole. */
export const share: ValueType<number> = number({ min: 0, max: 1 })

/** Items of `a, b`, without the spaces around them. Throws where one is empty. */
export function splitList(value: string): string[] {
  if (value.trim() === '') throw refuse('is an empty list')
  const items = value.split(',').map((item) => item.trim())
  const empty = items.indexOf('')
  if (empty >= 0) throw refuse(`has nothing at place ${empty + 1} of the list`)
  return items
}
