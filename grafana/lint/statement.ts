/** A SELECT as the dashboards write them, taken apart. */
export interface Statement {
  table: string
  /** What is selected, and under which name it comes. */
  columns: readonly { column: string; name: string }[]
  where: string
  /** Columns that have one value, and those that have one of several. */
  equal: ReadonlySet<string>
  among: ReadonlySet<string>
  limit: number | null
  newestFirst: boolean
}

const SELECT =
  /^SELECT (.+?) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY (\w+ (?:ASC|DESC)))?(?: LIMIT (\d+))?( ALLOW FILTERING)?$/

/** Null where it is written in another way. */
export function parseSelect(cql: string): Statement | null {
  const found = SELECT.exec(cql)
  if (found === null) return null
  const [, columns = '', table = '', where = '', order = '', limit] = found
  return {
    table,
    columns: columns.split(',').map(parseColumn),
    where,
    equal: new Set([...where.matchAll(/(\w+) = /g)].map(([, column = '']) => column)),
    among: new Set([...where.matchAll(/(\w+) IN /g)].map(([, column = '']) => column)),
    limit: limit === undefined ? null : Number(limit),
    newestFirst: order.endsWith('DESC'),
  }
}

function parseColumn(text: string): { column: string; name: string } {
  const [column = '', name = column] = text.trim().split(/ AS /i)
  return { column, name: name.replaceAll('"', '') }
}

export interface Table {
  types: ReadonlyMap<string, string>
  partitionKey: readonly string[]
}

/** The tables of a schema, by name. */
export function tablesOf(schema: string): Map<string, Table> {
  const tables = new Map<string, Table>()
  for (const [, name = '', body = ''] of schema.matchAll(
    /CREATE TABLE IF NOT EXISTS \$keyspace\.(\w+) \(([\s\S]*?)\n\)/g,
  ))
    tables.set(name, tableOf(body))
  return tables
}

function tableOf(body: string): Table {
  const types = new Map(
    [...body.matchAll(/^\s+(\w+) (\w+)(?: PRIMARY KEY)?,?$/gm)].map(([, column = '', type = '']) => [column, type]),
  )
  const several = /PRIMARY KEY \(\(([^)]+)\)/.exec(body)?.[1]
  const first = /PRIMARY KEY \((\w+)/.exec(body)?.[1] ?? /(\w+) \w+ PRIMARY KEY/.exec(body)?.[1] ?? ''
  return { types, partitionKey: several === undefined ? [first] : several.split(', ') }
}
