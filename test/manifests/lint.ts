/** What every render must keep to, rule by rule. */
import { type KubeObject, refOf, wordsOf } from '../../src/deploy/object.ts'
import { type Container, containersOf, isWorkload, type Workload } from '../../src/deploy/pod.ts'
import { CONTAINER_RULES, POD_RULES } from './pod-rules.ts'
import { REFERENCE_RULES } from './reference-rules.ts'
import { SETTING_RULES } from './setting-rules.ts'

/** Says what is wrong with it, or nothing. */
export type Rule<T> = (subject: T, all: readonly KubeObject[]) => string | null | undefined | false
export type ContainerRule = Rule<{ container: Container; workload: Workload; isInit: boolean }>
export type Rules<T> = Readonly<Record<string, Rule<T>>>

export const RULE_NAMES = [CONTAINER_RULES, POD_RULES, REFERENCE_RULES, SETTING_RULES].flatMap((rules) =>
  Object.keys(rules),
)

/** `rule: object: what`, for everything that breaks a rule. */
export function lint(objects: readonly KubeObject[]): string[] {
  const workloads = objects.filter(isWorkload)
  const containers = workloads.flatMap((workload) => {
    const first = workload.spec.template.spec.initContainers?.length ?? 0
    return containersOf(workload.spec.template).map((container, index) => ({
      container,
      workload,
      isInit: index < first,
    }))
  })
  return [
    ...applied(CONTAINER_RULES, containers, { objects, name: ({ workload }) => wordsOf(refOf(workload)) }),
    ...applied(POD_RULES, workloads, { objects, name: (it) => wordsOf(refOf(it)) }),
    ...applied(REFERENCE_RULES, objects, { objects, name: (it) => wordsOf(refOf(it)) }),
    ...applied(SETTING_RULES, objects, { objects, name: (it) => wordsOf(refOf(it)) }),
  ]
}

function applied<T>(
  rules: Rules<T>,
  subjects: readonly T[],
  { objects, name }: { objects: readonly KubeObject[]; name: (subject: T) => string },
): string[] {
  return Object.entries(rules).flatMap(([rule, judge]) =>
    subjects.flatMap((subject) => {
      const what = judge(subject, objects)
      return what ? [`${rule}: ${name(subject)}: ${what}`] : []
    }),
  )
}
