/**
 * Avro's "parsing canonical form": what of a schema decides how bytes are written. Two texts of one schema have the same
 * form, whatever their spaces, the order of their keys, their documentation, and whether names are spelled in full.
 */
const PRIMITIVES: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
])

/** The form as JSON text. Throws when the text is no schema. */
export const canonicalSchema = (text: string): string => JSON.stringify(formOf(JSON.parse(text), ''))

type Json = null | string | number | boolean | readonly Json[] | { readonly [key: string]: Json }
type Fields = Readonly<Record<string, unknown>>

function formOf(schema: unknown, namespace: string): Json {
  if (typeof schema === 'string') return PRIMITIVES.has(schema) ? schema : fullName(schema, namespace)
  if (Array.isArray(schema)) return schema.map((branch) => formOf(branch, namespace))
  if (!isFields(schema)) throw new Error('a schema is a name, a list or an object')
  const { type } = schema
  if (type === 'array') return { type, items: formOf(schema['items'], namespace) }
  if (type === 'map') return { type, values: formOf(schema['values'], namespace) }
  if (type === 'record' || type === 'enum' || type === 'fixed') return namedForm(schema, type, namespace)
  return formOf(type, namespace)
}

function namedForm(schema: Fields, type: 'record' | 'enum' | 'fixed', around: string): Json {
  const own = typeof schema['namespace'] === 'string' ? schema['namespace'] : around
  const name = fullName(schema['name'], own)
  if (type === 'enum') return { name, type, symbols: listOf(schema['symbols']).map(String) }
  if (type === 'fixed') return { name, type, size: Number(schema['size']) }
  const inner = name.slice(0, Math.max(0, name.lastIndexOf('.')))
  return { name, type, fields: listOf(schema['fields']).map((field) => fieldForm(field, inner)) }
}

function fieldForm(field: unknown, namespace: string): Json {
  if (!isFields(field) || typeof field['name'] !== 'string') throw new Error('a field has no name')
  return { name: field['name'], type: formOf(field['type'], namespace) }
}

function fullName(name: unknown, namespace: string): string {
  if (typeof name !== 'string' || !/^[A-Za-z_][\w.]*$/.test(name)) throw new Error('a name is missing or none')
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is missing')
  return value
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
