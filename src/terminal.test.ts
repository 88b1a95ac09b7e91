import { expect, test } from 'bun:test'

import { Secrets } from './secrets.ts'
import { createTerminal } from './terminal.ts'

/** What a screen shows after these writes: enough of a terminal for what ours sends. */
function screen(columns = 80) {
  const lines = ['']
  let row = 0
  const write = (text: string) => {
    const readable = text.replaceAll('\u001B[2K', '\0clear\0').replaceAll('\u001B[1A', '\0up\0')
    for (const part of readable.split(/\0|(\r)|(\n)/)) {
      if (!part) continue
      if (part === 'clear') lines[row] = ''
      else if (part === 'up') row -= 1
      else if (part === '\n') lines[(row += 1)] ??= ''
      else if (part !== '\r') lines[row] += part
    }
  }
  return { isTTY: true, columns, write, shown: () => lines.slice(0, lines.findLastIndex((line) => line !== '') + 1) }
}

test('a status of several lines is replaced as a whole, and what is printed stands above it', () => {
  const output = screen()
  const terminal = createTerminal(output)
  terminal.status('kafka waits\ncassandra waits')
  terminal.print('namespace made')
  expect(output.shown()).toEqual(['namespace made', 'kafka waits', 'cassandra waits'])
  terminal.status('kafka ok')
  expect(output.shown()).toEqual(['namespace made', 'kafka ok'])
  terminal.status('a\nb\nc')
  terminal.status('')
  terminal.print('done')
  expect(output.shown()).toEqual(['namespace made', 'done'])
})

test('a line that is too long ends with a mark, so that the next status finds its beginning', () => {
  const output = screen(10)
  const terminal = createTerminal(output)
  terminal.status('0123456789\nshort')
  expect(output.shown()).toEqual(['01234567…', 'short'])
})

test('without a terminal the status is left out', () => {
  const written: string[] = []
  const terminal = createTerminal({ isTTY: false, write: (text) => written.push(text) })
  terminal.status('kafka waits')
  terminal.print('kafka ok')
  expect(written).toEqual(['kafka ok\n'])
})

test('a secret gets onto no terminal, and is hidden before a line is cut', () => {
  const output = screen(30)
  const terminal = createTerminal(output, new Secrets('s3cret-token-of-many-letters'))
  terminal.print('login with s3cret-token-of-many-letters failed')
  terminal.status('waits: login with s3cret-token-of-many-letters')
  expect(output.shown()).toEqual(['login with *** failed', 'waits: login with ***'])
})
