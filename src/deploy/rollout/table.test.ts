import { expect, test } from 'bun:test'

import { createTerminal } from '../../terminal.ts'
import type { RolloutRow } from './rollout.ts'
import { showRollout, tableLines } from './table.ts'

const row = (name: string, state: RolloutRow['state'], why = ''): RolloutRow => ({
  name,
  state,
  count: '0/1',
  why,
  trouble: null,
  lastWords: '',
})

test('the table tells each workload and how many are ready', () => {
  expect(
    tableLines([row('Job setup', 'ready'), row('StatefulSet kafka', 'waiting', 'pods are not ready')], 12_345),
  ).toEqual(['ok    Job setup          0/1', 'wait  StatefulSet kafka  0/1  pods are not ready', '1 of 2 ready, 12 s'])
})

test('without a terminal each change is one line, said once', () => {
  const written: string[] = []
  const show = showRollout(createTerminal({ write: (text) => written.push(text) }), () => 0)
  show([row('Job setup', 'waiting', 'at work')])
  show([row('Job setup', 'waiting', 'at work')])
  show([row('Job setup', 'ready')])
  expect(written).toEqual(['wait  Job setup  0/1  at work\n', 'ok    Job setup  0/1\n'])
})

test('on a terminal the table is drawn in place while something waits, with the reason, and stays at the end', () => {
  let written = ''
  const output = { isTTY: true, columns: 60, write: (text: string) => (written += text) }
  const show = showRollout(createTerminal(output), () => 7_000)
  const setup = row('Job setup', 'ready')
  const wait = row('StatefulSet kafka', 'waiting', 'pods are not ready')
  show([setup, wait])
  const first = 'ok    Job setup          0/1\nwait  StatefulSet kafka  0/1  pods are not ready\n1 of 2 ready, 7 s'
  expect(written).toBe(`\r\u001B[2K${first}`)
  written = ''
  show([setup, { ...wait, lastWords: 'that a broker is away, in more words than fit in a line' }])
  const up = '\u001B[1A\r\u001B[2K'
  const words = '      it said: that a broker is away, in more words than f…'
  expect(written).toBe(`\r\u001B[2K${up}${up}${first.replace('\n1 of', `\n${words}\n1 of`)}`)
  written = ''
  show([setup, row('StatefulSet kafka', 'ready')])
  const last = 'ok    Job setup          0/1\nok    StatefulSet kafka  0/1\nall ready, 7 s\n'
  expect(written).toBe(`\r\u001B[2K${up}${up}${up}${last}`)
})

test('nothing is shown where nothing is waited for', () => {
  const written: string[] = []
  const show = showRollout(createTerminal({ isTTY: true, write: (text) => written.push(text) }), () => 0)
  show([])
  expect(written).toEqual([])
})
