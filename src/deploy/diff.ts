/** A plan as text, as `diff -u` writes it. Secrets are never in it. */
import { createTwoFilesPatch } from 'diff'

import { essence, masked } from './compare.ts'
import { wordsOf, type KubeObject } from './object.ts'
import { isChange, type Plan, type Step } from './plan.ts'
import { toYaml } from './yaml.ts'

/** Empty where nothing would change. */
export const diffText = ({ steps }: Plan): string => steps.filter(isChange).map(stepText).join('')

function stepText({ verb, ref, before, after }: Step): string {
  const [old, next] = masked(before, after)
  const label = wordsOf(ref)
  const patch = createTwoFilesPatch(
    old === null ? '/dev/null' : `${label} (is)`,
    next === null ? '/dev/null' : `${label} (will be)`,
    textOf(old),
    textOf(next),
    undefined,
    undefined,
    { context: 3 },
  )
  // The first line is one of its own making.
  const lines = patch.split('\n').filter((line) => !/^=+$/.test(line))
  return `${verb} ${label}\n${lines.join('\n')}`
}

const textOf = (object: KubeObject | null): string => (object === null ? '' : toYaml([essence(object)]))
