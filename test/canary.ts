/**
 * What every secret of a test holds, so that one that gets out is noticed wherever it turns up: test/binary.ts looks at
 * all that the executable prints, test/run.ts at all that the tests print, test/canary.test.ts everywhere else.
 * A test that prints it on purpose cannot exist: the run would fail.
 */
export const CANARY = 'zQ7vK2mXw9Tb4LrY8nHd'

/** The secret of that name: letters, digits and dashes, as every server takes them. */
export const canary = (name: string): string => `${CANARY}-${name}`

/** So many characters of it in a row are a trace. */
const PART = 8

const parts = (text: string, size = PART): string[] =>
  Array.from({ length: text.length - size + 1 }, (_, from) => text.slice(from, from + size))

/** As base64 writes it behind a text of that length, without what depends on its neighbours. */
const base64 = (before: number): string =>
  Buffer.from('x'.repeat(before) + CANARY)
    .toString('base64')
    .slice(Math.ceil((before * 4) / 3), Math.floor(((before + CANARY.length) * 4) / 3))

/** Letters and digits look the same in JSON and in URLs. */
const TRACES = [
  ...parts(CANARY),
  ...[0, 1, 2].flatMap((before) => parts(base64(before))),
  ...parts(Buffer.from(CANARY).toString('hex'), 2 * PART),
]
const AROUND = 60

/** Where a text holds the canary or a part of it, each with what stands around it. Not the canary itself: this is printed. */
export function traces(text: string): string[] {
  const found = TRACES.map((part) => text.indexOf(part)).filter((at) => at >= 0)
  if (found.length === 0) return []
  const at = Math.min(...found)
  const around = text.slice(Math.max(0, at - AROUND), at) + '<canary>' + text.slice(at + CANARY.length, at + AROUND)
  return [TRACES.reduce((shown, part) => shown.replaceAll(part, '?'), around)]
}

/** Throws where something of it can be read. */
export function expectNoCanary(what: string, text: string): void {
  const [found] = traces(text)
  if (found !== undefined) throw new Error(`a secret is in ${what}: ${found}`)
}

/** Hands on what a process prints, and resolves to the traces in it. */
export async function handOn(
  from: AsyncIterable<Uint8Array>,
  to: Pick<NodeJS.WriteStream, 'write'>,
): Promise<string[]> {
  const decoder = new TextDecoder()
  const found: string[] = []
  let end = ''
  for await (const chunk of from) {
    to.write(chunk)
    const text = end + decoder.decode(chunk, { stream: true })
    found.push(...traces(text))
    end = text.slice(-CANARY.length)
  }
  return found
}
