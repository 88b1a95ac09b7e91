import { join } from 'node:path'

export const fixture = (name: string): string => join(import.meta.dir, 'fixtures', name)
