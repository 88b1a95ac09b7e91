import { chmodSync, copyFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { build, type Program } from './build.ts'
import type { Layer } from './image.ts'
import type { Means } from './means.ts'

/** A layer that is one program of ours at the root of the image, under its own or another name, and nothing else. */
export async function programLayer(program: Program, means: Means, name: string = program): Promise<Layer> {
  const path = await build(program, means)
  return {
    name,
    key: [basename(path), name],
    fill: (root) => {
      copyFileSync(path, join(root, name))
      chmodSync(join(root, name), 0o755)
    },
  }
}
