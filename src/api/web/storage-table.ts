import { make } from './element.ts'
import { formatDuration } from './format.ts'

export interface Figure {
  value: number | null
  is_estimate: boolean
  note: string | null
}

export interface Kept {
  rows: string
  wanted_ms: number | null
  in_force: 'as-set' | 'differs' | 'unknown'
  note: string | null
}

export interface TableFacts {
  table: string
  can_be_read: boolean
  bytes: Figure
  rows: Figure
  kept: readonly Kept[]
}

export interface Survey {
  bytes: Figure
  tables: readonly TableFacts[]
  at_ts: number
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB']

export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0'
  let [size, unit] = [bytes, 'B']
  for (const next of UNITS) {
    if (size < 1_024) break
    size /= 1_024
    unit = next
  }
  return `${unit === 'B' || size >= 100 ? Math.round(size) : size.toFixed(1)} ${unit}`
}

/** `about 12.5 MiB`; `not known` where it is not: the note says why. */
export const sizeWords = (figure: Figure): string => words(figure, formatBytes)
export const countWords = (figure: Figure): string => words(figure, (value) => value.toLocaleString('en-US'))

const words = ({ value, is_estimate }: Figure, format: (value: number) => string): string =>
  value === null ? 'not known' : `${is_estimate ? 'about ' : ''}${format(value)}`

/** `1s: 7 d, else for ever`. */
export function keptWords({ rows, wanted_ms, in_force }: Kept): string {
  const time = wanted_ms === null ? 'for ever' : formatDuration(wanted_ms)
  return `${rows === '' ? '' : `${rows}: `}${time}${in_force === 'differs' ? ', but not so' : ''}`
}

/** A line of the table; what can be read has a button that shows rows. */
export function tableRow(facts: TableFacts, peek: (table: string) => Promise<void>): HTMLTableRowElement {
  const { table, can_be_read, bytes, rows, kept } = facts
  const line = make('tr')
  line.append(
    nameOf(table, can_be_read, peek),
    figureCell(bytes, sizeWords),
    figureCell(rows, countWords),
    keptCell(kept),
  )
  return line
}

function nameOf(table: string, canBeRead: boolean, peek: (table: string) => Promise<void>): HTMLElement {
  const cell = make('th')
  cell.scope = 'row'
  if (!canBeRead) {
    cell.append(table, make('small', { text: ' internal' }))
    return cell
  }
  const button = make('button', { text: table })
  button.type = 'button'
  button.title = 'shows its newest rows of the symbol'
  button.addEventListener('click', () => void peek(table))
  cell.append(button)
  return cell
}

const figureCell = (figure: Figure, format: (figure: Figure) => string): HTMLElement =>
  make('td', { text: format(figure) })

/** Each reason once, however many tables it is of. */
export function notesOf({ bytes, tables }: Pick<Survey, 'bytes' | 'tables'>): string[] {
  const notes = (what: string, figures: readonly Figure[]) =>
    figures.flatMap(({ value, is_estimate, note }) => {
      const how = value === null ? ' not known' : is_estimate ? ' estimated' : ''
      return note === null ? [] : [`${what}${how}: ${note}`]
    })
  const sizes = notes('Size', [...tables.map((table) => table.bytes), bytes])
  const rows = notes(
    'Rows',
    tables.map((table) => table.rows),
  )
  return [...new Set([...sizes, ...rows])]
}

function keptCell(kept: readonly Kept[]): HTMLElement {
  const cell = make('td', { text: kept.length === 0 ? '–' : '' })
  for (const one of kept) {
    const line = make('div', { text: keptWords(one), className: one.in_force === 'differs' ? 'differs' : '' })
    if (one.note !== null) line.title = one.note
    cell.append(line)
    if (one.in_force === 'differs' && one.note !== null) cell.append(make('small', { text: one.note }))
  }
  return cell
}
