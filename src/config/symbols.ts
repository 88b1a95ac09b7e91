/** Symbol lists: `A, B`, `["A", "B"]` or `['A', 'B']`. A symbol may hold colons and inner spaces (`IC MARKETS:1`). */
import { refuse, splitList, type ValueType } from './value.ts'

const LONGEST = 100

export const symbols: ValueType<readonly string[]> = {
  accepts: 'a list like BINANCE:BTCUSDT,AAPL or ["BINANCE:BTCUSDT", "AAPL"]',
  list: true,
  refusesEmpty: true,
  parse(value) {
    const text = value.trim()
    if (/\p{Cc}/u.test(text)) throw refuse('has a line break or a control character', 'write the list in one line')
    const items = text.startsWith('[') || text.endsWith(']') ? bracketed(text) : splitList(text)
    if (items.length === 0) throw refuse('is an empty list')
    return [...new Set(items.map(checked))]
  },
  print: (value) => value,
}

function checked(symbol: string): string {
  if (symbol === '') throw refuse('has an empty symbol')
  if (symbol.length > LONGEST) throw refuse(`has a symbol longer than ${LONGEST} characters`)
  const odd = /["'`[\](){}<>;\\,]/.exec(symbol)
  if (odd) throw refuse(`has the character ${odd[0]} in a symbol (${symbol})`)
  return symbol
}

function bracketed(text: string): string[] {
  if (!text.startsWith('[')) throw refuse('ends with ] but does not begin with [')
  if (!text.endsWith(']') || text.length === 1) throw refuse('begins with [ but does not end with ]')
  const json = parseJson(text)
  if (Array.isArray(json)) return json.map(textOf)
  return pythonItems(text.slice(1, -1))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function textOf(item: unknown): string {
  if (typeof item !== 'string') throw refuse(`has ${JSON.stringify(item)}, which is not a text`)
  return item.trim()
}

/** `'A', "B", C` with an optional last comma; quotes need not be of one kind. */
function pythonItems(inner: string): string[] {
  const items: string[] = []
  const item = /\s*(?:'([^']*)'|"([^"]*)"|([^'",\s][^'",]*))\s*(,|$)/y
  while (item.lastIndex < inner.trimEnd().length) {
    const at = item.lastIndex
    const found = item.exec(inner)
    if (!found) throw refuse(`cannot be read from ${JSON.stringify(inner.slice(at, at + 20).trim())} on`)
    items.push((found[1] ?? found[2] ?? found[3] ?? '').trim())
  }
  return items
}
