import { describe, expect, test } from 'bun:test'

import type { KubeObject } from '../object.ts'
import { found, madeBy, node, of, pod, standard, wanted } from './check.fixture.ts'
import type { Examined } from './check.ts'
import { fullName } from './images.ts'

describe('images', () => {
  test('an image of our own that no node has can be pulled from nowhere', async () => {
    const bare = node('a', '4', '8Gi')
    const fix = async (its: KubeObject) => of(await found({ objects: [its, standard] }), 'images')?.fix
    expect(await fix(madeBy('minikube', bare))).toBe(
      'stockpipe deploy image, then: minikube --profile minikube image load stockpipe.tar',
    )
    expect(await fix({ ...bare, spec: { providerID: 'kind://docker/dev/dev-control-plane' } })).toBe(
      'stockpipe deploy image, then: kind load image-archive stockpipe.tar --name dev',
    )
    expect(await fix(bare)).toContain('registry')
  })

  test('a node that lists as many as it may, may have others', async () => {
    const many = Array.from({ length: 50 }, (_, index) => `docker.io/library/other:${index}`)
    expect(of(await found({ objects: [node('a', '4', '8Gi', many), standard] }), 'images')?.state).toBe('ok')
  })

  test('others are pulled', async () => {
    expect(of(await found({}), 'images')).toMatchObject({
      state: 'ok',
      detail: '1 of 2 on the nodes; to be pulled, not looked up: apache/kafka:4.3.1',
    })
  })

  test.each<[string, Partial<Examined['values']>, string]>([
    ['by registry', { registry: 'example.com/team' }, 'kubectl run pull-test --restart=Never --image='],
    ['by images', { images: { kafka: 'example.com/team/kafka:4' } }, 'kubectl run pull-test --restart=Never --image='],
    ['by pullSecret', { pullSecret: 'login' }, 'the login of Secret login may pull each: docker manifest inspect '],
  ])('whether those can be that were chosen %s, nobody knows', async (_, values, attempt) => {
    const asks = [{ ...wanted[1]!, spec: { replicas: 1, template: pod('example.com/team/kafka:4') } }]
    expect(of(await found({ asks, values }), 'images')).toMatchObject({
      state: 'warn',
      detail: '0 of 1 on the nodes; to be pulled, not looked up: example.com/team/kafka:4',
      fix: expect.stringContaining(`${attempt}example.com/team/kafka:4`),
    })
    const there = node('a', '4', '8Gi', ['example.com/team/kafka:4'])
    expect(of(await found({ objects: [there, standard], asks, values }), 'images')?.state).toBe('ok')
  })

  test('public ones are no matter where only another was chosen', async () => {
    const values = { images: { stockpipe: 'stockpipe:0.1.0' } }
    expect(of(await found({ values }), 'images')?.state).toBe('ok')
  })

  test('without a node all are absent', async () => {
    const asks = [wanted[1]!]
    expect(of(await found({ objects: [standard], asks }), 'images')?.detail).toStartWith('0 of 1 on the nodes')
  })

  test.each([
    ['cassandra:5', 'docker.io/library/cassandra:5'],
    ['apache/kafka:4', 'docker.io/apache/kafka:4'],
    ['ghcr.io/a/b:1', 'ghcr.io/a/b:1'],
    ['localhost/x:1', 'localhost/x:1'],
    ['host:5000/x:1', 'host:5000/x:1'],
  ])('%s is %s in full', (short, full) => expect(fullName(short)).toBe(full))
})
