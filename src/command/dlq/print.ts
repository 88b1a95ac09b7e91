import type { Letter } from './letter.ts'

/** A letter in one line. */
export const letterLine = ({ id, at, origin, error, value }: Letter): string =>
  `${id.padEnd(10)}  ${new Date(at).toISOString()}  ${origin.padEnd(8)}  ${String(value?.length ?? 0).padStart(7)} B  ${error}\n`

/** Everything about a letter. `value` is text where it is UTF-8, else `hex`. */
export function letterFields({ id, at, origin, error, key, value, headers }: Letter) {
  const text = textOf(value)
  return {
    id,
    at,
    origin,
    error,
    key,
    bytes: value?.length ?? 0,
    ...(text === null ? { hex: Buffer.from(value ?? []).toString('hex') } : { value: text }),
    headers,
  }
}

export function letterWords(letter: Letter): string {
  const { headers, ...fields } = letterFields(letter)
  const lines = { ...fields, at: new Date(letter.at).toISOString() }
  return [
    ...Object.entries(lines).map(([name, value]) => `${name}: ${String(value)}`),
    'headers:',
    ...Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`),
    '',
  ].join('\n')
}

/** Null for bytes that are no text, or would do something to a terminal. */
function textOf(value: Uint8Array | null): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(value ?? new Uint8Array())
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    return /[\u0000-\u0008\u000b-\u001f\u007f]/.test(text) ? null : text
  } catch {
    return null
  }
}
