/** Writes the table of options into README: `bun test/readme.ts`. */
import { join } from 'node:path'

import { withReference } from '../src/config/reference.ts'

export const README = join(import.meta.dir, '../README.md')

if (import.meta.main) {
  const readme = Bun.file(README)
  const renewed = withReference(await readme.text())
  if (renewed === null) throw new Error('README.md has no <!-- options --> and <!-- /options -->')
  await Bun.write(readme, renewed)
}
