/** The lines of a body as they come. A last one that no line break ends is among them where it `isWanted`. */
export async function* linesOf(
  body: ReadableStream<Uint8Array> | null,
  isWanted: (last: string) => boolean = () => true,
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  rest += decoder.decode()
  if (rest !== '' && isWanted(rest)) yield rest
}
