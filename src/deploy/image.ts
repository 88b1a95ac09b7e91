/** The container image of this very executable, for clusters that can pull it from nowhere. */
import { writeImage } from '../../build/image.ts'
import { readLibc } from '../../build/libc.ts'
import { StockpipeError } from '../errors.ts'
import { reason } from '../finding.ts'
import { committedAt } from '../version.ts'

const LIBC_ROOT = '/'
const architecture = process.arch === 'arm64' ? 'arm64' : 'x64'

/** Why this program cannot put itself into an image; null where it can. A container takes the C library from here. */
export async function whyNoImage({ root = LIBC_ROOT, createdAt = committedAt() } = {}): Promise<string | null> {
  if (process.platform !== 'linux' || createdAt === null)
    return 'only an executable for Linux can put itself into an image'
  try {
    await readLibc({ architecture, root })
    return null
  } catch (error) {
    return reason(error).split('\n', 1)[0] ?? ''
  }
}

/** Writes an archive that Docker, Podman, containerd, Minikube and kind load. Throws `config` where that cannot be. */
export async function writeOwnImage(file: string, tag: string): Promise<void> {
  const createdAt = committedAt()
  if (createdAt === null || process.platform !== 'linux')
    throw new StockpipeError('config', 'only an executable for Linux can put itself into an image', {
      hint: 'bun build.ts --image FILE in the source, or docker build',
    })
  const executables = [{ architecture, file: process.execPath }] as const
  try {
    await writeImage(file, { executables, tag, libcRoot: LIBC_ROOT, createdAt })
  } catch (cause) {
    throw new StockpipeError('config', `the image cannot be written to ${file}`, { cause })
  }
}
