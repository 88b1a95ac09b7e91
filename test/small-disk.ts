import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { temporaryFolder } from './binary.ts'

/** A disk of a few MB; null where this machine does not let tests mount one. */
export function smallDisk(size: string): (Disposable & { path: string; grow: () => void }) | null {
  const folder = temporaryFolder()
  const path = join(folder.path, 'disk')
  mkdirSync(path)
  const mount = (...args: string[]) => Bun.spawnSync(['mount', ...args], { stdout: 'ignore', stderr: 'ignore' }).success
  if (process.platform !== 'linux' || !mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path)) {
    folder[Symbol.dispose]()
    if (process.env['CI']) throw new Error('a full disk cannot be tested here: mounting a tmpfs needs root on Linux')
    console.warn('SKIPPED: a full disk cannot be tested, for this machine does not let tests mount one (root, Linux)')
    return null
  }
  return {
    path: join(path, 'data'),
    grow: () => void mount('-o', 'remount,size=96m', path),
    [Symbol.dispose]() {
      Bun.spawnSync(['umount', '--lazy', path])
      folder[Symbol.dispose]()
    },
  }
}
