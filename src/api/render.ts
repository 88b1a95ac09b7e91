/** Rows as text, in the formats of all lists. */

export interface RowList {
  columns: readonly string[]
  rows: readonly object[]
  next: string | null
  /** Members beside `data`, in the JSON formats only. */
  extra?: Readonly<Record<string, unknown>>
}

export interface Shape {
  format: 'rows' | 'columns' | 'csv' | 'ndjson'
  time_format: 'ms' | 'rfc3339'
}

/** A body that can be served again: what differs from answer to answer (`request_id`) comes behind `text`. */
export interface Rendered {
  text: string
  next: string | null
  type: 'application/json' | 'application/x-ndjson' | 'text/csv'
}

export function render(list: RowList, shape: Shape): Rendered {
  const rows = shape.time_format === 'rfc3339' ? list.rows.map(withWrittenTimes) : list.rows
  if (shape.format === 'csv') return { text: csv(list.columns, rows), next: list.next, type: 'text/csv' }
  if (shape.format === 'ndjson') return { text: ndjson(rows), next: list.next, type: 'application/x-ndjson' }
  const data = shape.format === 'columns' ? toColumns(list.columns, rows) : rows
  const text = JSON.stringify({ data, next_cursor: list.next, ...list.extra })
  return { text, next: list.next, type: 'application/json' }
}

const valueOf = (row: object, column: string): unknown => (row as Readonly<Record<string, unknown>>)[column]

const withWrittenTimes = (row: object): object =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      name.endsWith('_ts') && typeof value === 'number' ? new Date(value).toISOString() : value,
    ]),
  )

const toColumns = (columns: readonly string[], rows: readonly object[]): Record<string, unknown[]> =>
  Object.fromEntries(columns.map((column) => [column, rows.map((row) => valueOf(row, column))]))

const ndjson = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

function csv(columns: readonly string[], rows: readonly object[]): string {
  const lines = rows.map((row) => columns.map((column) => csvCell(valueOf(row, column))).join(','))
  return `${[columns.join(','), ...lines].join('\n')}\n`
}

const csvCell = (value: unknown): string => {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
