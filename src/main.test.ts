import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { CANARY, canary } from '../test/canary.ts'
import { deployCommand } from './command/deploy.ts'
import { PROGRAM, runStockpipe } from './command/stockpipe.fixture.ts'
import { COMMANDS } from './config/option.ts'

const cwd = mkdtempSync(join(tmpdir(), 'stockpipe-main-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const stockpipe = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runStockpipe(words, { cwd, env })

describe('what is not understood ends with 2, says what was meant, and runs nothing', () => {
  test.each([
    [['exprot'], 'unknown command "exprot"', 'did you mean export?'],
    [['verison', '--help'], 'unknown command "verison"', 'did you mean version?'],
    [['--symbls', 'A'], 'unknown option --symbls', 'did you mean --symbols?'],
    [['run', '--exit-at-edn'], 'unknown option --exit-at-edn', 'did you mean --exit-at-end?'],
    [['run', 'now'], 'run does not take "now"', 'stockpipe run --help'],
    [['export', 'trade'], 'unknown table "trade"', 'stockpipe export trades'],
    [['export'], 'export needs a table', 'trades, candles, windows'],
    [['run', '--window'], '--window needs a value', ''],
    [['version', '-o', 'xml'], '--output "xml" is not one of the choices', 'text, json, yaml'],
    [['version', '--symbols', 'A'], '--symbols is no option of version', 'run'],
    [['config', '--exit-at-end=maybe'], '--exit-at-end "maybe" is neither true nor false', ''],
    [['config', '--constructor', '1'], 'unknown option --constructor', ''],
    [['config', '--', '--json'], 'config does not take "--json"', ''],
    [['export', 'trades', '--from', '5', '--from', '6'], '--from is given more than once', ''],
    [['export', 'trades', '--from', '6', '--to', '6'], '--from is not before --to', ''],
    [['export', 'trades', '--interval', '1m'], '--interval means nothing for trades', 'only candles'],
    [['export', 'trades', '--store', 'cassandra'], '--store cassandra needs --cassandra-contact-points', ''],
    [['simulate', '--stall', '5s'], '--stall "5s" is not two values', ''],
  ])('%j', async (words, what, hint) => {
    const ran = await stockpipe(words)
    expect(ran.err).toContain(`error: ${what}`)
    expect(ran.err).toContain(hint)
    expect(ran.err).not.toContain('bug in stockpipe')
    expect([ran.code, ran.out, readdirSync(cwd)]).toEqual([2, '', []])
  })

  test.each([
    [['--finnhub-token', 'hunter2']],
    [['run', '--cassandra-password=hunter2']],
    [['config', '--api-token', 'hunter2']],
    [['export', 'trades', '--finnhub-token', 'hunter2']],
  ])('a secret as a flag: %j', async (words) => {
    const ran = await stockpipe(words)
    expect(ran.err).toContain('is not taken on the command line')
    expect(ran.err).toContain('STOCKPIPE_')
    expect(ran.err).toContain('-file')
    expect(ran.err + ran.out).not.toContain('hunter2')
    expect([ran.code, readdirSync(cwd)]).toEqual([2, []])
  })

  test('every problem of flags, variables and the command itself is told at once', async () => {
    const { code, err } = await stockpipe(['export', 'trades', '--from', 'noon', '--symbls', 'A'], {
      STOCKPIPE_PARTITIONS: 'many',
    })
    expect(code).toBe(2)
    for (const part of ['3 things', '--from "noon" is not a time', '--symbls', 'STOCKPIPE_PARTITIONS "many"'])
      expect(err).toContain(part)
  })
})

describe('what run cannot do', () => {
  test.each([
    [['--role', 'api'], 'the role api cannot run alone on the embedded log'],
    [
      ['--role', 'processor', '--kafka-brokers', 'kafka:9092'],
      'the role processor cannot run alone on the embedded store',
    ],
    [
      ['--role', 'producer', '--cassandra-contact-points', 'db'],
      'the role producer cannot run alone on the embedded log',
    ],
    [['--feed', 'replay'], '--feed replay needs --replay-file'],
    [['--feed', 'finnhub'], '--feed finnhub needs a token'],
    [['--exit-at-end'], '--exit-at-end needs a replay'],
  ])('%j ends with 2 before anything is done', async (words, what) => {
    const [plain, named] = await Promise.all([stockpipe(words), stockpipe(['run', ...words])])
    expect(plain.err).toContain(what)
    expect(named.err).toBe(plain.err)
    expect([plain.code, named.code, readdirSync(cwd)]).toEqual([2, 2, []])
  })
})

describe('help', () => {
  test.each(COMMANDS.map((name) => [name]))('of %s has an example', async (name) => {
    const [after, before] = await Promise.all([stockpipe([name, '--help']), stockpipe(['help', name])])
    expect([after.code, after.err]).toEqual([0, ''])
    expect(after.out).toContain('Examples:')
    expect(before.out).toBe(after.out)
  })

  test.each((deployCommand.subs ?? []).map(({ sub = '' }) => [sub]))('of deploy %s has an example', async (sub) => {
    const [after, before] = await Promise.all([
      stockpipe(['deploy', sub, '--help']),
      stockpipe(['help', 'deploy', sub]),
    ])
    expect([after.code, after.err]).toEqual([0, ''])
    expect(after.out).toContain(`stockpipe deploy ${sub}`)
    expect(after.out).toContain('Examples:')
    expect(after.out).toContain('Options of this command')
    expect(before.out).toBe(after.out)
  })

  test('of deploy names every sub-command', async () => {
    const { out } = await stockpipe(['deploy', '--help'])
    expect(deployCommand.subs?.length).toBeGreaterThan(5)
    for (const { sub } of deployCommand.subs ?? []) expect(out).toContain(`stockpipe deploy ${sub}`)
  })

  test('names every command, and no secret is offered as a flag', async () => {
    const [top, run] = await Promise.all([stockpipe(['--help']), stockpipe(['run', '-h'])])
    for (const name of COMMANDS) expect(top.out).toContain(`stockpipe ${name}`)
    expect(top.code).toBe(0)
    expect(run.out).toContain('--finnhub-token-file')
    expect(run.out).not.toMatch(/--finnhub-token\s/)
  })
})

describe('commands', () => {
  test('version, three ways', async () => {
    const [word, flag, json] = await Promise.all([
      stockpipe(['version']),
      stockpipe(['--version']),
      stockpipe(['version', '-o', 'json']),
    ])
    expect(word.out).toMatch(/^stockpipe \d+\.\d+\.\d+ \(/)
    expect(flag.out).toBe(word.out)
    expect(JSON.parse(json.out)).toMatchObject({ commit: 'source', runtime: `bun ${Bun.version}` })
  })

  test('config shows values, their origin, and no secret', async () => {
    const ran = await stockpipe(['config', '--json', '--hop', '3s'], {
      FINNHUB_API_TOKEN: canary('finnhub'),
      STOCKPIPE_HPO: '1s',
    })
    const shown = JSON.parse(ran.out) as Record<string, { value: unknown; origin: string }>
    expect(shown['hop']).toEqual({ value: '3s', origin: '--hop' })
    expect(shown['finnhub-token']).toEqual({ value: '***', origin: 'FINNHUB_API_TOKEN' })
    expect(ran.err).toBe('warning: STOCKPIPE_HPO is not an option of stockpipe; did you mean STOCKPIPE_HOP?\n')
    expect(ran.out + ran.err).not.toContain(CANARY)
  })

  test('options may stand before the command', async () => {
    const ran = await stockpipe(['--exit-at-end', 'config', '--json'])
    expect(JSON.parse(ran.out)).toMatchObject({ 'exit-at-end': { value: true } })
  })

  test.each(['bash', 'zsh', 'fish'])('completion of %s is a script that asks this program', async (shell) => {
    const ran = await stockpipe(['completion', shell])
    expect(ran.out).toContain(`SHELL=${shell} stockpipe --get-yargs-completions`)
  })

  test('completion offers commands, options and choices', async () => {
    const ask = async (...words: string[]) =>
      (await stockpipe(['--get-yargs-completions', 'stockpipe', ...words], { SHELL: 'bash' })).out.split('\n')
    const [commands, options, choices, subs, own] = await Promise.all([
      ask('ex'),
      ask('run', '--fe'),
      ask('run', '--feed', ''),
      ask('deploy', ''),
      ask('deploy', 'logs', '--'),
    ])
    expect(commands).toContain('export')
    expect(options).toContain('--feed')
    expect(options).not.toContain('--finnhub-token')
    expect(choices).toEqual(['finnhub', 'replay', 'simulated', ''])
    expect(subs).toEqual(expect.arrayContaining(['diff', 'apply', 'logs']))
    expect(own).toContain('--follow')
    expect(own).not.toContain('--values')
  })

  test('a reader that leaves early is no error', async () => {
    const script = `"$0" "$1" config; echo "$?" > code`
    const child = Bun.spawn(['bash', '-c', `{ sleep 0.2; ${script}; } | true`, ...PROGRAM], {
      cwd,
      stderr: 'pipe',
    })
    expect(await new Response(child.stderr).text()).toBe('')
    await child.exited
    expect(await Bun.file(join(cwd, 'code')).text()).toBe('0\n')
    rmSync(join(cwd, 'code'))
  })
})

describe('simulate', () => {
  test('serves trades until it is told to stop, and writes down what it sent', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stockpipe-simulate-'))
    const truth = join(folder, 'sent.ndjson')
    const words = ['simulate', '--listen', '127.0.0.1:0', '--rate', '200', '--symbols', 'A,B', '--truth', truth]
    const child = Bun.spawn([...PROGRAM, ...words], { cwd, stdout: 'pipe' })
    try {
      const url = await firstAddress(child.stdout)
      const frame = await new Promise<string>((resolve, reject) => {
        const socket = new WebSocket(url)
        socket.addEventListener('open', () => socket.send('{"type":"subscribe","symbol":"B"}'))
        socket.addEventListener('error', () => reject(new Error(`no connection to ${url}`)))
        socket.addEventListener('message', ({ data }) => {
          if (String(data).includes('"trade"')) resolve(String(data))
        })
      })
      expect((JSON.parse(frame) as { data: { s: string }[] }).data[0]?.s).toBe('B')
      child.kill('SIGTERM')
      expect(await child.exited).toBe(0)
      expect(await Bun.file(truth).text()).toContain(JSON.stringify(frame).slice(1, -1))
    } finally {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true })
    }
  })

  test('a port in use ends with 2', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const ran = await stockpipe(['simulate', '--listen', `127.0.0.1:${port}`])
      expect([ran.code, ran.err.split('\n')[0]]).toEqual([2, `error: 127.0.0.1:${port} is in use`])
    } finally {
      server.close()
    }
  })
})

async function firstAddress(out: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of out) {
    text += decoder.decode(chunk, { stream: true })
    const [url] = /ws:\/\/\S+/.exec(text) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`no address in ${text}`)
}

describe('doctor', () => {
  // Port 9 of this machine answers nobody, so that the clock cannot be compared and no test waits for a network.
  const url = ['--finnhub-url', 'ws://127.0.0.1:9']

  test('says what is well, and that the clock was not checked', async () => {
    const ran = await stockpipe(['doctor', ...url, '--listen', '127.0.0.1:0', '-o', 'json'])
    const findings = JSON.parse(ran.out) as { check: string; state: string; detail: string }[]
    expect(findings.find(({ check }) => check === 'clock')?.detail).toContain('not checked: no network')
    expect(findings.find(({ check }) => check === 'port')?.state).toBe('ok')
    expect(findings.find(({ check }) => check === 'data')?.detail).toContain('will be created')
    expect([ran.code, existsSync(join(cwd, 'stockpipe-data'))]).toEqual([0, false])
  })

  test('a port in use, a file for a folder and an unknown host fail, each with something to do', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const file = join(mkdtempSync(join(tmpdir(), 'stockpipe-file-')), 'file')
    writeFileSync(file, '')
    try {
      const ran = await stockpipe([
        'doctor',
        '--finnhub-url',
        'ws://nowhere.invalid',
        '--data-dir',
        file,
        '--listen',
        `127.0.0.1:${port}`,
      ])
      expect(ran.code).toBe(1)
      expect(ran.out).toMatch(/^fail {2}port .*in use\n +try: /m)
      expect(ran.out).toMatch(/^fail {2}data .*not a folder\n +try: /m)
      expect(ran.out).toMatch(/^fail {2}dns .*nowhere\.invalid/m)
    } finally {
      server.close()
      rmSync(join(file, '..'), { recursive: true })
    }
  })

  test.each([
    [0, 'ok', 'agrees'],
    [3_000, 'warn', 'behind'],
    [-60_000, 'fail', 'ahead of'],
  ])('a provider %d ms ahead: %s', async (offset, state, words) => {
    const provider = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response('', { headers: { date: new Date(Date.now() + offset).toUTCString() } }),
    })
    try {
      const ran = await stockpipe([
        'doctor',
        '--finnhub-url',
        `ws://127.0.0.1:${provider.port}`,
        '--listen',
        '127.0.0.1:0',
        '--json',
      ])
      const clock = (JSON.parse(ran.out) as { check: string; state: string; detail: string }[])[0]
      expect([clock?.check, clock?.state]).toEqual(['clock', state])
      expect(clock?.detail).toContain(words)
      expect(ran.code).toBe(state === 'fail' ? 1 : 0)
    } finally {
      await provider.stop(true)
    }
  })

  test('a token is never printed', async () => {
    const ran = await stockpipe(['doctor', ...url, '--listen', '127.0.0.1:0'], {
      FINNHUB_API_TOKEN: canary('finnhub'),
    })
    expect(ran.out).toContain('present, 28 characters')
    expect(ran.out).not.toContain(CANARY)
  })
})
