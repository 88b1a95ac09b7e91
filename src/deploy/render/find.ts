/** Objects and parts of them that are there by construction; that they are not is a bug. */
import { StockpipeError } from '../../errors.ts'
import type { KubeObject } from '../object.ts'
import { type Container, type EnvVar, isWorkload, type Workload } from '../pod.ts'

const missing = (what: string): StockpipeError =>
  new StockpipeError('internal', `the manifests have no ${what}`, { why: 'this is a bug in stockpipe' })

export function objectOf(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name)
  if (found === undefined) throw missing(`${kind} ${name}`)
  return found
}

export function workloadOf(objects: readonly KubeObject[], name: string): Workload {
  const found = objects.find((object) => isWorkload(object) && object.metadata.name === name)
  if (found === undefined || !isWorkload(found)) throw missing(`workload ${name}`)
  return found
}

/** Of a workload that has a single one. */
export function mainContainer({ metadata, spec }: Workload): Container {
  const container = spec.template.spec.containers[0]
  if (container === undefined) throw missing(`container in ${metadata.name}`)
  return container
}

/** Replaces in place, or adds at the end. */
export function setVariable(container: Container, variable: EnvVar): void {
  const env = container.env ?? []
  const isKnown = env.some(({ name }) => name === variable.name)
  container.env = isKnown ? env.map((old) => (old.name === variable.name ? variable : old)) : [...env, variable]
}

export const ofKind = (objects: readonly KubeObject[], kind: string): KubeObject[] =>
  objects.filter((object) => object.kind === kind)
