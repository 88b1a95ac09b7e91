/** Values as written: files one over the other, then `--set` one after the other. */
import type { Problem } from '../../config/problems.ts'
import { isMap, patched } from '../patch.ts'
import { parseDocuments } from '../yaml.ts'

export interface ValuesFile {
  name: string
  text: string
}

/** What is wrong with how it is written is added to `problems`. Throws `config` for a file that is not YAML. */
export function gathered(files: readonly ValuesFile[], sets: readonly string[], problems: Problem[]): object {
  let values: object = {}
  for (const { name, text } of files) {
    const [document, ...more] = parseDocuments(text, name)
    if (more.length > 0 || (document !== undefined && !isMap(document)))
      problems.push({
        what: `${name} is not a map of keys`,
        why: 'values are one YAML document, like kafka: {replicas: 3}',
      })
    else values = patched(values, document ?? {})
  }
  for (const set of sets) values = patched(values, fromSet(set, problems))
  return values
}

/** `a.b=c` as `{ a: { b: 'c' } }`. What is after the first `=` is the value, whatever it holds. */
function fromSet(set: string, problems: Problem[]): object {
  const split = set.indexOf('=')
  const path = set.slice(0, Math.max(0, split)).trim().split('.')
  if (split < 0 || path.includes('')) {
    problems.push({ what: `--set ${set} is not KEY=VALUE`, why: 'write it like --set kafka.replicas=3' })
    return {}
  }
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), set.slice(split + 1)) as object
}
