import { expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Architecture, readLibc } from './libc.ts'

const MACHINES = { x64: 62, arm64: 183 } as const satisfies Record<Architecture, number>
const NAMES = {
  x64: ['ld-linux-x86-64.so.2', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2'],
  arm64: ['ld-linux-aarch64.so.1', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2'],
} as const satisfies Record<Architecture, readonly string[]>

/** As much of an ELF file as is looked at. */
function elf(machine: number, words = ''): Uint8Array {
  const data = Buffer.from(`\x7fELF${'\0'.repeat(60)}${words}`, 'latin1')
  data.writeUInt16LE(machine, 18)
  return data
}

const says = (version: string) => `GNU C Library (Debian GLIBC ${version}-9) stable release version ${version}.\n`

async function withRoot(work: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'stockpipe-libc-'))
  try {
    await work(root)
  } finally {
    await rm(root, { recursive: true })
  }
}

async function lay(folder: string, architecture: Architecture, version = '2.36'): Promise<void> {
  await mkdir(folder, { recursive: true })
  const machine = MACHINES[architecture]
  await Bun.write(join(folder, 'libc.so.6'), elf(machine, says(version)))
  for (const name of NAMES[architecture]) await Bun.write(join(folder, name), elf(machine, folder))
}

test.each([
  ['x64', 'lib/x86_64-linux-gnu'],
  ['x64', 'usr/lib/x86_64-linux-gnu'],
  ['x64', 'lib64'],
  ['arm64', 'usr/aarch64-linux-gnu/lib'],
  ['arm64', '.'],
] as const)('The library for %s is found in %s', (architecture, place) =>
  withRoot(async (root) => {
    await lay(join(root, place), architecture)
    const { version, files } = await readLibc({ architecture, root })
    expect(version).toBe('Debian GLIBC 2.36-9')
    expect(files.map(({ name }) => name)).toEqual(['libc.so.6', ...NAMES[architecture]])
  }),
)

test('A library for another processor is passed over', () =>
  withRoot(async (root) => {
    await lay(join(root, 'lib64'), 'x64')
    await lay(join(root, 'usr/aarch64-linux-gnu/lib'), 'arm64')
    const { files } = await readLibc({ architecture: 'arm64', root })
    expect(files.map(({ name }) => name)).toContain('ld-linux-aarch64.so.1')
  }))

test('Parts of two libraries are not mixed', () =>
  withRoot(async (root) => {
    await lay(join(root, 'lib64'), 'x64')
    await lay(join(root, 'lib'), 'x64')
    await rm(join(root, 'lib64/libm.so.6'))
    expect(readLibc({ architecture: 'x64', root })).rejects.toThrow('but no libm.so.6')
  }))

test('One that keeps name resolution in other files is refused', () =>
  withRoot(async (root) => {
    await lay(join(root, 'lib64'), 'x64', '2.31')
    expect(readLibc({ architecture: 'x64', root })).rejects.toThrow('2.34 or newer')
  }))

test('Where there is none, it says how to get one', () =>
  withRoot(async (root) => {
    expect(readLibc({ architecture: 'arm64', root })).rejects.toThrow('apt-get install libc6-arm64-cross')
  }))
