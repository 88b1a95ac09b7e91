import { describe, expect, test } from 'bun:test'

import type { KubeObject } from '../object.ts'
import { found, madeBy, node, of, pod, standard, wanted } from './check.fixture.ts'
import type { Examined } from './check.ts'
import type { Answer } from './registry.ts'

describe('images', () => {
  test('an image of our own that no node has can be pulled from nowhere', async () => {
    const bare = node('a', '4', '8Gi')
    const minikube = madeBy('minikube', bare)
    const kind = { ...bare, spec: { providerID: 'kind://docker/dev/dev-control-plane' } }
    const fix = async (its: KubeObject, whyNoImage: string | null = null) =>
      of(await found({ objects: [its, standard], here: { whyNoImage } }), 'images')?.fix
    expect(await fix(minikube)).toBe(
      'stockpipe deploy image, then: minikube --profile minikube image load stockpipe.tar',
    )
    expect(await fix(kind)).toBe('stockpipe deploy image, then: kind load image-archive stockpipe.tar --name dev')
    expect(await fix(minikube, 'not here')).toBe(
      'in the source: docker build --tag stockpipe:0.1.0 . and then: minikube --profile minikube image load stockpipe:0.1.0 (not here)',
    )
    expect(await fix(kind, 'not here')).toBe(
      'in the source: docker build --tag stockpipe:0.1.0 . and then: kind load docker-image stockpipe:0.1.0 --name dev (not here)',
    )
    expect(await fix(bare)).toContain('registry')
  })

  test('a node that lists as many as it may, may have others', async () => {
    const many = Array.from({ length: 50 }, (_, index) => `docker.io/library/other:${index}`)
    expect(of(await found({ objects: [node('a', '4', '8Gi', many), standard] }), 'images')?.state).toBe('ok')
  })

  const KAFKA = 'example.com/team/kafka:4'
  const there: Answer = { state: 'there' }
  const absent: Answer = { state: 'absent' }
  const closed: Answer = { state: 'closed' }
  const unknown: Answer = { state: 'unknown', why: 'example.com cannot be reached from here' }
  const asking = async (answer: Answer = there, values: Partial<Examined['values']> = {}, image = KAFKA) => {
    const asks = [{ ...wanted[1]!, spec: { replicas: 1, template: pod(image) } }]
    const asked: string[] = []
    const ask = (name: string) => {
      asked.push(name)
      return Promise.resolve(answer)
    }
    const without = of(await found({ asks, values, here: { ask } }), 'images')
    expect(asked).toEqual([image])
    const objects = [node('a', '4', '8Gi', [image]), standard]
    expect(of(await found({ objects, asks, values, here: { ask } }), 'images')?.state).toBe('ok')
    expect(asked).toEqual([image])
    return without
  }

  test('the registry is asked for what no node has, and for nothing else', async () => {
    expect(await asking(there)).toEqual({
      check: 'images',
      state: 'ok',
      detail: `0 of 1 on the nodes; can be pulled (asked example.com from here): ${KAFKA}`,
    })
  })

  test.each(['apache/kafka:4.9', 'ghcr.io/team/kafka:4', 'quay.io/team/kafka:4'])(
    'what its public home does not have is a fault: %s',
    async (image) => {
      expect(await asking(absent, {}, image)).toMatchObject({
        state: 'fail',
        detail: expect.stringMatching(/^0 of 1 on the nodes; cannot be pulled: \S+ \(\S+ does not have it\)$/),
        fix: expect.stringMatching(/name and tag.*pullSecret.*mirror.*stockpipe deploy apply/),
      })
    },
  )

  test.each<[Answer, Partial<Examined['values']>, string, string]>([
    [unknown, {}, KAFKA, 'kubectl run pull-test --restart=Never --image='],
    [absent, {}, KAFKA, 'kubectl run pull-test --restart=Never --image='],
    [closed, {}, KAFKA, 'kubectl run pull-test --restart=Never --image='],
    [closed, {}, 'team/kafka:4', 'kubectl run pull-test --restart=Never --image='],
    [absent, { pullSecret: 'login' }, 'team/kafka:4', 'the login of Secret login may pull each'],
    [absent, { pullSecret: 'login' }, KAFKA, 'the login of Secret login may pull each: docker manifest inspect '],
    [closed, { pullSecret: 'login' }, KAFKA, 'the login of Secret login may pull each: docker manifest inspect '],
  ])('what nodes may get all the same is not known: %j %j %s', async (answer, values, image, attempt) => {
    expect(await asking(answer, values, image)).toMatchObject({
      state: 'warn',
      detail: expect.stringContaining(`whether a node can pull is not known: ${image} (`),
      fix: expect.stringContaining(attempt),
    })
  })

  test('without a node all are absent', async () => {
    const asks = [wanted[1]!]
    expect(of(await found({ objects: [standard], asks }), 'images')?.detail).toStartWith('0 of 1 on the nodes')
  })
})
