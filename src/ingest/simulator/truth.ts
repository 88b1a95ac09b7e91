import { openSync, closeSync, writeSync } from 'node:fs'

import { StockpipeError } from '../../errors.ts'
import type { Log } from '../../telemetry.ts'

/** The file of everything that was sent: one line per frame, in the order of sending, and so a recording to replay. */
export interface Truth {
  sent(frame: { received: number; conn: number; frame: string; repeats: readonly number[] }): void
  close(): void
}

const FLUSH_CHARACTERS = 65_536

/**
 * Null: nothing is kept. Throws `config` when the file cannot be made. One that fails later, on a full disk, is
 * reported and given up: the market goes on.
 */
export function openTruth(path: string | null, log: Log): Truth {
  if (path === null) return { sent() {}, close() {} }
  const file = create(path)
  let lines: string[] = []
  let waiting = 0
  let isLost = false
  const flush = () => {
    const text = lines.join('')
    lines = []
    waiting = 0
    try {
      if (!isLost) writeWhole(file, text)
    } catch (error) {
      isLost = true
      log.error('simulator.truth.lost', { path, error, why: 'what is sent from now on is not in the file' })
    }
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

function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length;) from += writeSync(file, bytes, from)
}

function create(path: string): number {
  try {
    return openSync(path, 'w')
  } catch (cause) {
    throw new StockpipeError('config', `the truth file ${path} cannot be written`, { cause })
  }
}
