import { open, rename, rm } from 'node:fs/promises'

import { StockpipeError, wrap } from '../../errors.ts'

/** Where exported rows go. Unless `finish` was called, disposal leaves nothing behind. */
export interface Output extends AsyncDisposable {
  /** Resolves when more may come. */
  write: (chunk: string | Uint8Array) => Promise<void>
  finish: () => Promise<void>
}

/**
 * A file, which appears under its name only when it is whole; or what `print` writes to. Throws `usage` where it cannot
 * be made, `disk-full` where it can no longer grow.
 */
export async function openOutput(path: string | null, print: Output['write']): Promise<Output> {
  if (path === null || path === '-')
    return { write: print, finish: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() }
  const partial = `${path}.${process.pid}.part`
  const telling = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work()
    } catch (error) {
      throw toStockpipeError(error, path)
    }
  }
  return await telling(async () => {
    const file = await open(partial, 'w')
    return {
      write: (chunk) =>
        telling(async () => {
          await file.writeFile(chunk)
        }),
      finish: () =>
        telling(async () => {
          await file.close()
          await rename(partial, path)
        }),
      async [Symbol.asyncDispose]() {
        await file.close().catch(() => undefined)
        await rm(partial, { force: true })
      },
    }
  })
}

function toStockpipeError(error: unknown, path: string): StockpipeError {
  if (!/^(?:ENOSPC|EDQUOT)$/.test(String((error as { code?: unknown }).code)))
    return wrap('usage', `cannot write ${path}`, error)
  return new StockpipeError('disk-full', `the disk that is to hold ${path} is full`, {
    hint: 'free some space on it, or name a file elsewhere; nothing was left behind',
    cause: error,
  })
}
