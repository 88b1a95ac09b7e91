import type { Client } from './client.ts'
import { at, make, say } from './element.ts'
import { formatClock } from './format.ts'
import { notesOf, type Survey, sizeWords, tableRow } from './storage-table.ts'
import type { View } from './view.ts'

const MOST_ROWS = 20

export interface StorageOptions {
  client: Client
  view: () => View
}

type Row = Readonly<Record<string, unknown>>

/** What lies in the store, in a dialog: its tables, and on demand the newest rows of the symbol on show. */
export function startStorage({ client, view }: StorageOptions): void {
  const dialog = at('storage')
  if (!(dialog instanceof HTMLDialogElement)) throw new Error('the page has no dialog for the storage')
  let asked = 0

  const look = async () => {
    const mine = ++asked
    say(at('storage-state'), 'Looking …')
    const survey = await client.get<{ data: Survey }>('/v1/storage')
    if (mine !== asked) return
    if (survey === null) say(at('storage-state'), 'The store does not answer at the moment.')
    else show(survey.data)
  }

  const show = ({ bytes, tables, at_ts }: Survey) => {
    say(at('storage-state'), `${sizeWords(bytes)} in all, at ${formatClock(at_ts)} UTC`)
    at('storage-tables').replaceChildren(...tables.map((table) => tableRow(table, peek)))
    at('storage-notes').replaceChildren(...notesOf({ bytes, tables }).map((text) => make('li', { text })))
  }

  const peek = async (table: string) => {
    const mine = ++asked
    const { symbol, interval } = view()
    const of = `${table}${table === 'candles' ? ` ${interval}` : ''} · ${symbol ?? 'no symbol'}`
    at('peek').hidden = false
    say(at('peek-title'), of)
    at('peek-head').replaceChildren()
    at('peek-rows').replaceChildren()
    if (symbol === null) return say(at('peek-state'), 'There is no symbol yet.')
    say(at('peek-state'), 'Looking …')
    const query = new URLSearchParams({ symbol, limit: String(MOST_ROWS), time_format: 'rfc3339' })
    if (table === 'candles') query.set('interval', interval)
    const found = await client.get<{ data: readonly Row[] }>(`/v1/storage/${table}?${query.toString()}`)
    if (mine === asked) showRows(found?.data ?? null)
  }

  at('storage-open').addEventListener('click', () => {
    dialog.showModal()
    at('peek').hidden = true
    void look()
  })
  at('storage-again').addEventListener('click', () => void look())
  at('storage-close').addEventListener('click', () => dialog.close())
}

function showRows(rows: readonly Row[] | null): void {
  if (rows === null) return say(at('peek-state'), 'These rows cannot be had at the moment.')
  say(at('peek-state'), rows.length === 0 ? 'No row of it.' : `the newest ${rows.length}, newest first`)
  const columns = Object.keys(rows[0] ?? {})
  at('peek-head').replaceChildren(
    ...columns.map((text) => {
      const cell = make('th', { text })
      cell.scope = 'col'
      return cell
    }),
  )
  at('peek-rows').replaceChildren(
    ...rows.map((row) => {
      const line = make('tr')
      line.append(...columns.map((column) => make('td', { text: textOf(row[column]) })))
      return line
    }),
  )
  at('peek-scroll').scrollTo(0, 0)
  at('peek').scrollIntoView({ block: 'nearest' })
}

const textOf = (value: unknown): string =>
  value === null || value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value)
