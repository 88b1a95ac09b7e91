import { join } from 'node:path'

import { ROOT } from '../binary.ts'

/**
 * Compiles a library that stands between the program and the machine, for LD_PRELOAD; null, and loudly, where there is
 * no C compiler or no such thing.
 */
export function preload(name: string, folder: string): string | null {
  const library = join(folder, `${name}.so`)
  const source = join(ROOT, 'test/faults', `${name}.c`)
  const cc = process.platform === 'linux' ? Bun.which('cc') : null
  if (cc === null) {
    console.warn(`SKIPPED: NOT TESTED with ${name}: it takes Linux and a C compiler`)
    return null
  }
  const { success, stderr } = Bun.spawnSync([cc, '-shared', '-fPIC', '-O2', '-o', library, source, '-ldl'])
  if (!success) throw new Error(`${name}.c does not compile:\n${stderr.toString()}`)
  return library
}
