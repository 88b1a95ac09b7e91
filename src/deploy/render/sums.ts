/** What values and profile may only contradict together. */
import { type Problem, toError } from '../../config/problems.ts'
import type { KubeObject } from '../object.ts'
import { type Container, containersOf, isWorkload } from '../pod.ts'
import { amountOf, heapOf } from '../quantity.ts'

/** Throws `config`. */
export function checkSums(objects: readonly KubeObject[]): void {
  const problems = objects
    .filter(isWorkload)
    .flatMap((workload) =>
      containersOf(workload.spec.template).flatMap((container) => [
        ...requestProblems(workload.metadata.name, container),
        ...heapProblems(workload.metadata.name, container),
      ]),
    )
  if (problems.length > 0) throw toError(problems, 'change resources or heap in the values')
}

function requestProblems(name: string, { resources }: Container): Problem[] {
  return ['cpu', 'memory'].flatMap((kind) => {
    const [request = '', limit = ''] = [resources?.requests?.[kind], resources?.limits?.[kind]]
    if (amountOf(request) <= amountOf(limit)) return []
    return [{ what: `${name} requests ${kind} ${request} and may use ${limit}`, why: 'a request is at most the limit' }]
  })
}

/** The rest is for what is not heap, and for the cache of files. */
const MOST_HEAP = 0.8

function heapProblems(name: string, { env = [], resources }: Container): Problem[] {
  const heap = env
    .map(({ name, value = '' }) => (name === 'MAX_HEAP_SIZE' ? value : /-Xmx(\w+)/.exec(value)?.[1]))
    .find((found) => found !== undefined)
  const limit = resources?.limits?.['memory'] ?? ''
  if (heap === undefined || heapOf(heap) <= amountOf(limit) * MOST_HEAP) return []
  return [
    {
      what: `${name} has a heap of ${heap} and a memory limit of ${limit}`,
      why: `more than ${MOST_HEAP * 100} % of the limit ends with the process killed`,
    },
  ]
}
