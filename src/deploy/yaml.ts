/** Objects as YAML that people read and that kubectl, whose YAML is 1.1, understands as it was meant. */
import { parseAllDocuments, stringify } from 'yaml'

import { StockpipeError } from '../errors.ts'
import type { KubeObject } from './object.ts'

export const toYaml = (objects: readonly KubeObject[]): string => objects.map(documentOf).join('---\n')

/** `version` 1.1 quotes texts like `yes`, `0o17`, `1e3`, `12:30` that an old reader would take for something else. */
const documentOf = (object: KubeObject): string =>
  stringify(object, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false, singleQuote: true })

/** The documents of a file of ours or of a user. Throws `config` that names the line. */
export function parseDocuments(text: string, name: string): unknown[] {
  const documents = parseAllDocuments(text, { version: '1.1', merge: false })
  for (const { errors } of 'empty' in documents ? [] : documents)
    if (errors[0] !== undefined)
      throw new StockpipeError('config', `${name} is not YAML`, { why: errors[0].message.split('\n')[0] })
  return 'empty' in documents ? [] : documents.map((document) => document.toJS() as unknown).filter((it) => it !== null)
}
