import { describe, expect, test } from 'bun:test'

import { once } from 'node:events'

import { manualClock } from '../../clock.ts'
import { StockpipeError } from '../../errors.ts'
import type { ClusterSession, PodLog } from '../cluster.ts'
import type { KubeObject } from '../object.ts'
import { standingCluster } from '../rollout/rollout.fixture.ts'
import { printLogs } from './logs.ts'
import { FORBIDDEN, PIPELINE, reaching, running } from './observe.fixture.ts'
import type { Part } from './workloads.ts'

describe('logs', () => {
  type Look = (run: { cluster: ReturnType<typeof standingCluster>; stop: AbortController }) => void

  /** Each pause does the next of these; the last one ends it. */
  async function print(
    session: Pick<ClusterSession, 'logs'>,
    looks: readonly Look[] | null,
    parts: Part[] = ['api'],
    objects = PIPELINE,
  ) {
    const printed: string[] = []
    const run = { cluster: standingCluster([...objects]), stop: new AbortController() }
    const rest = [...(looks ?? [])]
    const count = await printLogs({
      cluster: run.cluster,
      session,
      clock: {
        ...manualClock(),
        async sleep() {
          // What is being read gets as far as it can.
          await Bun.sleep(0)
          const look = rest.shift()
          if (look) look(run)
          else run.stop.abort()
        },
      },
      namespace: 'pipeline',
      parts,
      follow: looks !== null,
      tail: 10,
      signal: run.stop.signal,
      print: (line) => Promise.resolve(void printed.push(line)),
    })
    return { count, printed }
  }

  test('of some parts, each line with its pod and container', async () => {
    const session = reaching(({ pod }) => [`${pod} says`])
    const { count, printed } = await print(session, null, ['processor', 'api', 'grafana'])
    expect(count).toBe(2)
    expect(printed.toSorted()).toEqual([
      'stockpipe-api-0 main  stockpipe-api-0 says',
      'stockpipe-processor-0 main  stockpipe-processor-0 says',
    ])
  })

  test('while followed, a pod that comes later and a container that begins anew are read from their beginning', async () => {
    const session = reaching()
    await print(
      session,
      [
        ({ cluster }) => (cluster.objects = [...PIPELINE, running('stockpipe-api', true, 'stockpipe-api-1')]),
        ({ cluster }) => (cluster.objects = [...PIPELINE.slice(0, -1), living({ restartCount: 1 })]),
        ({ cluster }) => (cluster.objects = [...PIPELINE.slice(0, -1), anew(living({ restartCount: 1 }))]),
      ],
      ['processor', 'api'],
    )
    expect(session.asked.map(({ pod, tail, previous = false }) => [pod, tail, previous])).toEqual([
      ['stockpipe-processor-0', 10, false],
      ['stockpipe-api-0', 10, false],
      ['stockpipe-api-1', null, false],
      ['stockpipe-api-0', 10, true],
      ['stockpipe-api-0', null, false],
      ['stockpipe-api-0', null, false],
    ])
  })

  const living = (status: object): KubeObject => {
    const pod = running('stockpipe-api')
    ;(pod['status'] as { containerStatuses: object[] }).containerStatuses = [{ name: 'main', ...status }]
    return pod
  }
  /** Another pod of the same name. */
  const anew = (pod: KubeObject): KubeObject => ({ ...pod, metadata: { ...pod.metadata, uid: 'another' } })

  /** Each answer gives the log as far as it has come, and then ends as told, or goes on. */
  function cutting(answers: readonly (readonly [lines: number, end: StockpipeError | 'ends' | 'goes on'])[]) {
    const asked: PodLog[] = []
    const rest = [...answers]
    const session: Pick<ClusterSession, 'logs'> = {
      async *logs(log, signal) {
        asked.push({ ...log })
        const [count, end] = rest.shift() ?? [9, 'ends']
        log.place?.begin()
        for (const line of Array.from({ length: count }, (_, i) => `2026-01-01T00:00:00.${i}Z line ${i}`)) {
          const text = log.place?.take(line) ?? null
          if (text !== null) yield text
        }
        if (end === 'goes on' && !signal.aborted) await once(signal, 'abort')
        if (end instanceof StockpipeError) throw end
      },
    }
    return { session, asked }
  }
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `stockpipe-api-0 main  line ${i}`)
  const CUT = new StockpipeError('unreachable', 'the connection ended', { retryable: true })
  const ABSENT = new StockpipeError('refused', 'the container is waiting to start')
  const nothing = () => undefined

  test.each([
    ['ends', 'ends'],
    ['is cut', CUT],
  ] as const)('that are followed are read on behind the last line when a connection %s', async (_how, end) => {
    const { session, asked } = cutting([
      [2, end],
      [2, end],
      [5, 'goes on'],
    ])
    const { printed } = await print(session, [nothing, nothing, nothing, nothing])
    expect(printed).toEqual(lines(5))
    expect(asked).toHaveLength(3)
  })

  test('of a container that has ended are read to their end, once', async () => {
    const ended = ({ cluster }: Parameters<Look>[0]) =>
      (cluster.objects = [...PIPELINE.slice(0, -1), living({ state: { terminated: { exitCode: 0 } } })])
    const { session, asked } = cutting([
      [2, CUT],
      [4, 'ends'],
    ])
    const { printed } = await print(session, [ended, nothing, nothing])
    expect(printed).toEqual(lines(4))
    expect(asked).toHaveLength(2)
  })

  test('that were cut are read to the end of a life that has passed, and then of the new one', async () => {
    const again = ({ cluster }: Parameters<Look>[0]) =>
      (cluster.objects = [...PIPELINE.slice(0, -1), living({ restartCount: 1 })])
    const { session, asked } = cutting([
      [2, CUT],
      [4, 'ends'],
      [1, 'goes on'],
    ])
    const { printed } = await print(session, [again, nothing])
    expect(printed).toEqual([...lines(4), ...lines(1)])
    expect(asked.map(({ previous }) => previous ?? false)).toEqual([false, true, false])
  })

  /** What the node says of a life that began after the cluster was asked about the one before. */
  function lively() {
    const written: string[] = []
    const asked: PodLog[] = []
    let more = Promise.withResolvers<void>()
    const session: Pick<ClusterSession, 'logs'> = {
      async *logs(log, signal) {
        asked.push({ ...log })
        log.place?.begin()
        for (let next = 0; !log.previous; next++) {
          while (next === written.length) {
            if (!log.follow || signal.aborted) return
            await Promise.race([more.promise, once(signal, 'abort')])
          }
          const text = log.place?.take(`2026-01-01T00:00:00.${next}Z ${written[next]}`) ?? null
          if (text !== null) yield text
        }
      },
    }
    const write = (line: string) => {
      written.push(line)
      more.resolve()
      more = Promise.withResolvers()
    }
    return { session, asked, write }
  }

  test.each([
    ['ended', { state: { terminated: { exitCode: 1 } } }, [false, true]],
    ['running', { state: { running: {} } }, [true, false, true]],
  ])(
    'of a life that was still seen %s when the next had begun are told twice for one look at most',
    async (_how, old, follows) => {
      const { session, asked, write } = lively()
      const seen = (status: object) => [...PIPELINE.slice(0, -1), living(status)]
      write('begins')
      const { printed } = await print(
        session,
        [
          ({ cluster }) => (cluster.objects = seen({ restartCount: 1, state: { running: {} } })),
          () => write('works'),
          () => write('goes on'),
        ],
        ['api'],
        seen({ restartCount: 0, ...old }),
      )
      expect(printed.map((line) => line.split('  ')[1])).toEqual(['begins', 'begins', 'works', 'goes on'])
      expect(asked.map(({ follow }) => follow)).toEqual(follows)
    },
  )

  test('of a container that has not begun are waited for only while followed', async () => {
    const waiting = cutting([
      [0, ABSENT],
      [3, 'goes on'],
    ])
    expect((await print(waiting.session, [nothing, nothing])).printed).toEqual(lines(3))
    expect(await print(cutting([[0, ABSENT]]).session, null)).toEqual({ count: 1, printed: [] })
  })

  test('that we may not read are an error, followed or not; one that was cut is one where nobody follows it', async () => {
    const failing = (end: StockpipeError) => cutting([[0, end]]).session
    expect(await print(failing(FORBIDDEN), [nothing, nothing]).catch((error: unknown) => error)).toBe(FORBIDDEN)
    expect(await print(failing(FORBIDDEN), null).catch((error: unknown) => error)).toBe(FORBIDDEN)
    expect(await print(failing(CUT), null).catch((error: unknown) => error)).toBe(CUT)
  })
})
