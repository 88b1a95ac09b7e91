/** The container image of this very executable, for clusters that can pull it from nowhere. */
import { writeImage } from '../../build/image.ts'
import { StockpipeError } from '../errors.ts'
import { committedAt } from '../version.ts'

/** Whether there is an executable that a container could run: Linux's own, and not the source. */
export const canWriteImage = (): boolean => process.platform === 'linux' && committedAt() !== null

/** Writes an archive that Docker, Podman, containerd, Minikube and kind load. Throws `config` where that cannot be. */
export async function writeOwnImage(file: string, tag: string): Promise<void> {
  const createdAt = committedAt()
  if (createdAt === null || process.platform !== 'linux')
    throw new StockpipeError('config', 'only an executable for Linux can put itself into an image', {
      hint: 'bun build.ts --image FILE in the source, or docker build',
    })
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64'
  const executables = [{ architecture, file: process.execPath }] as const
  try {
    await writeImage(file, { executables, tag, libcRoot: '/', createdAt })
  } catch (cause) {
    throw new StockpipeError('config', `the image cannot be written to ${file}`, { cause })
  }
}
