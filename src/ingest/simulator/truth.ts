import { openSync, closeSync, writeSync } from 'node:fs'

import { StockpipeError } from '../../errors.ts'

/** The file of everything that was sent: one line per frame, in the order of sending, and so a recording to replay. */
export interface Truth {
  sent(frame: { received: number; conn: number; frame: string; repeats: readonly number[] }): void
  close(): void
}

const FLUSH_CHARACTERS = 65_536

/** Null: nothing is kept. Throws `config` when the file cannot be written. */
export function openTruth(path: string | null): Truth {
  if (path === null) return { sent() {}, close() {} }
  const file = create(path)
  let lines: string[] = []
  let waiting = 0
  const flush = () => {
    if (lines.length > 0) writeSync(file, lines.join(''))
    lines = []
    waiting = 0
  }
  return {
    sent(frame) {
      waiting += lines[lines.push(`${JSON.stringify(frame)}\n`) - 1]?.length ?? 0
      if (waiting >= FLUSH_CHARACTERS) flush()
    },
    close() {
      flush()
      closeSync(file)
    },
  }
}

function create(path: string): number {
  try {
    return openSync(path, 'w')
  } catch (cause) {
    throw new StockpipeError('config', `the truth file ${path} cannot be written`, { cause })
  }
}
