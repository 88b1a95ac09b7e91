import { join } from 'node:path'

export type Architecture = 'x64' | 'arm64'

/** The C library that Bun's executable is linked to. */
export interface Libc {
  /** Its own words, such as `Debian GLIBC 2.36-9+deb12u14`. */
  version: string
  files: { name: string; data: Uint8Array }[]
}

export interface LibcOptions {
  architecture: Architecture
  /** Where to look as if it were `/`: a folder into which a package was unpacked. */
  root: string
}

const PLATFORMS = {
  x64: { triple: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2', elf: 62, debian: 'amd64' },
  arm64: { triple: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1', elf: 183, debian: 'arm64' },
} as const satisfies Record<Architecture, unknown>

/** Before 2.34 name resolution was in files of its own, which an image would lack. */
const OLDEST = [2, 34] as const

export const tripleOf = (architecture: Architecture): string => PLATFORMS[architecture].triple

/** Takes all files from the folder that has `libc.so.6` for the architecture: parts of two versions do not work together. */
export async function readLibc({ architecture, root }: LibcOptions): Promise<Libc> {
  const { triple, loader, elf } = PLATFORMS[architecture]
  const places = [
    `lib/${triple}`,
    `usr/lib/${triple}`,
    'lib64',
    'usr/lib64',
    'lib',
    'usr/lib',
    `usr/${triple}/lib`,
    '.',
  ].map((place) => join(root, place))
  for (const place of places) {
    const main = await readFor(join(place, 'libc.so.6'), elf)
    if (main === undefined) continue
    const version = versionOf(main, place)
    const names = [loader, 'libm.so.6', 'libpthread.so.0', 'libdl.so.2']
    const others = await Promise.all(names.map(async (name) => ({ name, data: await readFor(join(place, name), elf) })))
    const files = others.map(({ name, data }) => {
      if (data === undefined) throw new Error(`${place} has a libc.so.6 for ${architecture}, but no ${name}`)
      return { name, data }
    })
    return { version, files: [{ name: 'libc.so.6', data: main }, ...files] }
  }
  throw new Error(adviceFor(architecture, root))
}

/** The file, if it is there and made for that processor. */
async function readFor(path: string, elf: number): Promise<Uint8Array | undefined> {
  const file = Bun.file(path)
  if (!(await file.exists())) return undefined
  const data = await file.bytes()
  const isElf = data[0] === 0x7f && data[1] === 0x45 && data[2] === 0x4c && data[3] === 0x46
  // A linker script may have such a name, too.
  return isElf && new DataView(data.buffer, data.byteOffset).getUint16(18, true) === elf ? data : undefined
}

function versionOf(libc: Uint8Array, place: string): string {
  const found = /GNU C Library \(([^)\n]+)\) \w+ release version (\d+)\.(\d+)/.exec(
    Buffer.from(libc).toString('latin1'),
  )
  if (found === null) throw new Error(`${place}/libc.so.6 does not say which version of the GNU C library it is`)
  const [, words = '', major = '', minor = ''] = found
  if (Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]))
    throw new Error(`${place} has glibc ${major}.${minor}; an image needs ${OLDEST.join('.')} or newer`)
  return words
}

function adviceFor(architecture: Architecture, root: string): string {
  const { debian } = PLATFORMS[architecture]
  return [
    `no GNU C library for ${architecture} below ${root}`,
    `  why: the image needs the one that the executable is linked to`,
    `  try: on Debian and Ubuntu, apt-get install libc6-${debian}-cross; elsewhere unpack Debian's libc6 package for ` +
      `${debian} into a folder (tar -xf libc6_*.deb && tar -xf data.tar.xz) and say --libc FOLDER`,
  ].join('\n')
}
