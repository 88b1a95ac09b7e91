import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { temporaryFolder } from '../../../test/binary.ts'
import { smallDisk } from '../../../test/small-disk.ts'
import { openOutput } from './output.ts'

const print = () => expect.unreachable()
const MEGABYTE = new Uint8Array(1_000_000).fill(7)

test('a file has its name only once it is whole, with all that was written, in order', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'rows.csv')
  await using output = await openOutput(path, print)
  await output.write('first\n')
  await output.write(MEGABYTE)
  await output.write('läst\n')
  expect(readdirSync(folder.path)).not.toContain('rows.csv')
  await output.finish()
  const bytes = await Bun.file(path).bytes()
  expect(Buffer.from(bytes.subarray(0, 6)).toString()).toBe('first\n')
  expect(Buffer.from(bytes.subarray(6 + MEGABYTE.length)).toString()).toBe('läst\n')
  expect(bytes.subarray(6, 6 + MEGABYTE.length).every((byte) => byte === 7)).toBe(true)
  expect(readdirSync(folder.path)).toEqual(['rows.csv'])
})

test('a disk that is full is told as that, and nothing is left on it', async () => {
  using disk = smallDisk('2m')
  if (disk === null) return
  const folder = dirname(disk.path)
  const filled = async () => {
    await using output = await openOutput(join(folder, 'rows.parquet'), print)
    for (let written = 0; written < 4; written++) await output.write(MEGABYTE)
    await output.finish()
  }
  const error = await filled().catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'disk-full', hint: expect.stringContaining('nothing was left behind') })
  expect(readdirSync(folder)).toEqual([])
})
