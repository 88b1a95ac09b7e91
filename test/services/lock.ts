import { Database } from 'bun:sqlite'

/** Does the work while no other process does work under the same file. The system frees it when its holder dies. */
export async function locked<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  using lock = new Database(path, { create: true })
  while (!isTaken(lock)) await Bun.sleep(100)
  return await work()
}

function isTaken(lock: Database): boolean {
  try {
    lock.run('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') return false
    throw error
  }
}
