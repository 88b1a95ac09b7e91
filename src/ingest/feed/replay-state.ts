import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { StockpipeError } from '../../errors.ts'

/** How far one recording was replayed into this data folder. */
export interface ReplayRun {
  /** Counts the times the file was appended. */
  run: number
  /** Added to every time, ms. */
  shift: number
  isFinished: boolean
  /** By connection: the seq up to which the log holds every frame. */
  acknowledged: Record<string, number>
}

/** The replays of one data folder, by content hash: what makes a replay go on where it was. */
export class ReplayState {
  /** For a data folder whose log is a new one. */
  static forget(folder: string): void {
    rmSync(pathIn(folder), { force: true })
  }

  readonly #path: string
  readonly #runs: Record<string, ReplayRun>

  constructor(folder: string) {
    this.#path = pathIn(folder)
    this.#runs = existsSync(this.#path) ? readRuns(this.#path) : {}
  }

  get(hash: string): ReplayRun | undefined {
    return this.#runs[hash]
  }

  /** Durable when it returns. */
  save(hash: string, run: ReplayRun): void {
    this.#runs[hash] = run
    const temporary = `${this.#path}.new`
    const file = openSync(temporary, 'w', 0o600)
    try {
      writeFileSync(file, JSON.stringify(this.#runs))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, this.#path)
  }
}

const pathIn = (folder: string): string => join(folder, 'replays.json')

function readRuns(path: string): Record<string, ReplayRun> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, ReplayRun>
  } catch (cause) {
    throw new StockpipeError('corrupt', `${path} cannot be read`, {
      cause,
      hint: 'move it away; the log still knows which frames it holds, so nothing is counted twice',
    })
  }
}
