import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { running, type Running } from '../running.ts'

/** A data folder on a disk that forgets, at a power cut, whatever was written to a database and not yet synced. */
export class ForgetfulFolder {
  readonly data: string
  /** Cuts at which something was written that was not synced. */
  forgot = 0
  readonly #shadow: string
  readonly #library: string

  constructor(folder: string, library: string) {
    this.data = join(folder, 'data')
    this.#shadow = join(folder, 'shadow')
    this.#library = library
    mkdirSync(this.data)
  }

  /** Starts the program on it; its arguments name the folder. */
  run(args: readonly string[], env: Record<string, string> = {}): Running {
    // What is there at the start is on disk.
    rmSync(this.#shadow, { recursive: true, force: true })
    mkdirSync(this.#shadow)
    cpSync(this.data, this.#shadow, { recursive: true, filter: isDurable })
    const disk = { POWER_DATA: this.data, POWER_SHADOW: this.#shadow, POWER_SLOW_US: '20000' }
    return running(args, { ...env, ...disk, LD_PRELOAD: this.#library })
  }

  /** The power goes: each database is what it was at its own last sync. */
  async cut(run: Running): Promise<void> {
    run.child.kill('SIGKILL')
    await run.child.exited
    if (databases(this.data).some((name) => !isEqual(join(this.data, name), join(this.#shadow, name)))) this.forgot++
    for (const name of databases(this.data)) rmSync(join(this.data, name), { force: true })
    for (const name of databases(this.#shadow)) {
      mkdirSync(join(this.data, name, '..'), { recursive: true })
      renameSync(join(this.#shadow, name), join(this.data, name))
    }
  }
}

/** The index of a write-ahead log is made anew from it. */
const isDurable = (path: string): boolean => !path.endsWith('-shm')

const databases = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.db(-|$)/.test(name))

const isEqual = (one: string, other: string): boolean =>
  !isDurable(one) || (existsSync(other) && readFileSync(one).equals(readFileSync(other)))
