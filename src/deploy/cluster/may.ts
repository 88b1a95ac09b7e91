import type { Right } from '../cluster.ts'
import type { Connection } from './connection.ts'

/** By SelfSubjectAccessReview, which everybody may ask for. */
export async function mayWe({ send }: Connection, right: Right): Promise<boolean> {
  const { verb, group, resource, namespace, name } = right
  const [plural = '', subresource] = resource.split('/')
  const resourceAttributes = {
    verb,
    group,
    resource: plural,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === null ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  }
  const own: Right = {
    verb: 'create',
    group: 'authorization.k8s.io',
    resource: 'selfsubjectaccessreviews',
    namespace: null,
  }
  const answer = await send({
    asked: { what: `ask whether we may ${verb} ${resource}`, right: own },
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    method: 'POST',
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
  })
  return ((await answer.json()) as { status: { allowed: boolean } }).status.allowed
}
