import { expect, test } from 'bun:test'

import { GroupCommit, type Work } from './group-commit.ts'

/** Records what each transaction held; a name in `fails` makes its transaction fail. */
function recorded(fails: ReadonlySet<string> = new Set()) {
  const transactions: string[][] = []
  const commits = new GroupCommit<string[]>({
    transact(work) {
      const names: string[] = []
      const done = work(names)
      if (names.some((name) => fails.has(name))) throw new Error('disk full')
      transactions.push(names)
      return done
    },
    committed() {},
  })
  const add = (name: string, { records = 1, bytes = 1 } = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const perform: Work<string[]>['perform'] = (names) => {
        names.push(name)
        return () => resolve(name)
      }
      commits.add({ records, bytes, perform, reject })
    })
  return { transactions, commits, add }
}

test('calls of one turn share a transaction, in order', async () => {
  const { transactions, add } = recorded()
  await Promise.all([add('a'), add('b'), add('c')])
  expect(transactions).toEqual([['a', 'b', 'c']])
})

test('calls made as soon as a transaction is durable share the next one', async () => {
  const { transactions, add } = recorded()
  await Promise.all(['a', 'b'].map((name) => add(name).then(() => add(`${name}2`))))
  expect(transactions).toEqual([
    ['a', 'b'],
    ['a2', 'b2'],
  ])
})

test('a transaction is bounded in records and bytes, and a larger call goes alone', async () => {
  const { transactions, add } = recorded()
  await Promise.all([
    add('a', { records: 9_000 }),
    add('b', { records: 2_000 }),
    add('c', { bytes: 15_000_000 }),
    add('d', { bytes: 15_000_000 }),
    add('e', { bytes: 99_000_000 }),
    add('f'),
  ])
  expect(transactions).toEqual([['a'], ['b', 'c'], ['d'], ['e'], ['f']])
})

test('what waits behind a failed transaction fails with it, so that nothing overtakes a second try', async () => {
  const { transactions, add } = recorded(new Set(['a']))
  const results = await Promise.allSettled([add('a', { records: 10_000 }), add('b', { records: 10_000 }), add('c')])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(transactions).toEqual([])
  expect(await add('b')).toBe('b')
})

test('closing writes what waits and refuses what comes later', async () => {
  const { transactions, commits, add } = recorded()
  const waiting = [add('a', { records: 10_000 }), add('b', { records: 10_000 })]
  commits.close()
  expect(await Promise.all(waiting)).toEqual(['a', 'b'])
  expect(transactions).toEqual([['a'], ['b']])
  expect(await add('c').catch(String)).toContain('closed')
})
