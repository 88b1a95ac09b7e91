/** The address that a starting stockpipe prints. What comes later is read, too: a program whose reader leaves stops. */
export function printedUrl(output: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const read = async () => {
    const decoder = new TextDecoder()
    let seen = ''
    for await (const part of output) {
      seen += decoder.decode(part, { stream: true })
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(seen)?.[0]
      if (url !== undefined) resolve(url)
    }
    reject(new Error(`no address was printed: ${seen}`))
  }
  read().catch(reject)
  return promise
}
