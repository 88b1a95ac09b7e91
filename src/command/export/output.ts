import { rename, rm } from 'node:fs/promises'

import { wrap } from '../../errors.ts'

/** Where exported rows go. Unless `finish` was called, disposal leaves nothing behind. */
export interface Output extends AsyncDisposable {
  /** Resolves when more may come. */
  write: (chunk: string | Uint8Array) => Promise<void>
  finish: () => Promise<void>
}

/** A file, which appears under its name only when it is whole; or what `print` writes to. */
export async function openOutput(path: string | null, print: Output['write']): Promise<Output> {
  if (path === null || path === '-')
    return { write: print, finish: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() }
  const partial = `${path}.${process.pid}.part`
  try {
    const file = Bun.file(partial).writer()
    await file.flush()
    return {
      async write(chunk) {
        await file.write(chunk)
        await file.flush()
      },
      async finish() {
        await file.end()
        await rename(partial, path)
      },
      async [Symbol.asyncDispose]() {
        await file.end()
        await rm(partial, { force: true })
      },
    }
  } catch (error) {
    throw wrap('usage', `cannot write ${path}`, error)
  }
}
