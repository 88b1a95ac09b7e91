import { expect, test } from 'bun:test'

import { manualClock } from './clock.ts'
import { supervise, type Task } from './supervisor.ts'
import { silentLog } from './telemetry.ts'

const until = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve()))

function recorder(story: string[]) {
  return (name: string, needs: string[], end: (signal: AbortSignal) => Promise<void> = until): Task => ({
    name,
    needs,
    async run(signal) {
      story.push(`+${name}`)
      await end(signal)
      story.push(`-${name}`)
    },
  })
}

const how = (stop: AbortSignal) => ({ clock: manualClock(), log: silentLog, stop, drainMs: 1_000 })

test('tasks start behind what they need and stop in reverse', async () => {
  const story: string[] = []
  const task = recorder(story)
  const stop = new AbortController()
  const run = supervise(
    [task('producer', ['processor']), task('api', []), task('processor', ['api'])],
    how(stop.signal),
  )
  stop.abort()
  await run
  expect(story).toEqual(['+api', '+processor', '+producer', '-producer', '-processor', '-api'])
})

test('the first failure stops the others and is what the caller sees', async () => {
  const story: string[] = []
  const task = recorder(story)
  const fail = () => Promise.reject(new Error('broken'))
  const run = supervise([task('api', []), task('processor', [], fail)], how(new AbortController().signal))
  expect(run).rejects.toThrow('broken')
  await run.catch(() => {})
  expect(story).toEqual(['+api', '+processor', '-api'])
})

test('all tasks done is the end', async () => {
  const story: string[] = []
  const task = recorder(story)
  await supervise([task('a', [], () => Promise.resolve())], how(new AbortController().signal))
  expect(story).toEqual(['+a', '-a'])
})

test('a task that does not stop in time is named', async () => {
  const clock = manualClock()
  const stop = new AbortController()
  const stuck: Task = { name: 'stuck', needs: [], run: () => new Promise(() => {}) }
  const run = supervise([stuck], { clock, log: silentLog, stop: stop.signal, drainMs: 1_000 })
  stop.abort()
  await Bun.sleep(0)
  clock.advance(1_000)
  expect(run).rejects.toThrow('stuck did not stop within 1 s')
  await run.catch(() => {})
})
