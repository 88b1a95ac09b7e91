import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Mutation } from './mutations.list.ts'

const ROOT = join(import.meta.dir, '..', '..')

/** The files that a mutation changes, as they are then. Throws where the text to be changed is not there exactly once. */
export function changed({ name, changes }: Mutation): Map<string, string> {
  const files = new Map<string, string>()
  for (const { file, from, to } of changes) {
    const text = files.get(file) ?? readFileSync(join(ROOT, file), 'utf8')
    const count = text.split(from).length - 1
    if (count !== 1) throw new Error(`${name}: ${JSON.stringify(from)} is ${count} times in ${file}, not once`)
    files.set(
      file,
      text.replace(from, () => to),
    )
  }
  return files
}
