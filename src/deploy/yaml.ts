/** Objects as YAML that people read and that kubectl, whose YAML is 1.1, understands as it was meant. */
import { Document, parseAllDocuments, Scalar, visit } from 'yaml'

import { StockpipeError } from '../errors.ts'
import type { KubeObject } from './object.ts'

export const toYaml = (objects: readonly KubeObject[]): string => objects.map(documentOf).join('---\n')

/** As kubectl takes them, either way. */
export const printedObjects = (objects: readonly KubeObject[], format: 'yaml' | 'json'): string =>
  format === 'yaml'
    ? toYaml(objects)
    : `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, null, 2)}\n`

/** Texts that a reader of YAML 1.2 takes for numbers; those of 1.1 (`yes`, `1e3`, `12:30`) the library knows. */
const NUMBER_OF_1_2 = /^0o[0-7]+$/

function documentOf(object: KubeObject): string {
  const document = new Document(object, { version: '1.1', aliasDuplicateObjects: false })
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && NUMBER_OF_1_2.test(node.value)) node.type = Scalar.QUOTE_SINGLE
    },
  })
  // Without the line that names the version.
  if (document.directives) document.directives.yaml.explicit = false
  return document.toString({ lineWidth: 0, singleQuote: true, directives: false })
}

/** The documents of a file of ours or of a user. Throws `config` that names the line. */
export function parseDocuments(text: string, name: string): unknown[] {
  const documents = parseAllDocuments(text, { version: '1.1', merge: false })
  for (const { errors } of 'empty' in documents ? [] : documents)
    if (errors[0] !== undefined)
      throw new StockpipeError('config', `${name} is not YAML`, { why: errors[0].message.split('\n')[0] })
  return 'empty' in documents ? [] : documents.map((document) => document.toJS() as unknown).filter((it) => it !== null)
}
