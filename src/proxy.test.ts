import { afterEach, describe, expect, test } from 'bun:test'

import { proxyFor, proxyOrDirect } from './proxy.ts'

const FINNHUB = 'wss://ws.finnhub.io'
const env = { HTTPS_PROXY: 'http://secure:3128', HTTP_PROXY: 'http://plain:3128' }

test('https and wss go through HTTPS_PROXY, http and ws through HTTP_PROXY', () => {
  expect(proxyFor(FINNHUB, env)).toBe('http://secure:3128')
  expect(proxyFor('https://finnhub.io/api/v1', env)).toBe('http://secure:3128')
  expect(proxyFor('ws://feed.example.org', env)).toBe('http://plain:3128')
  expect(proxyFor(FINNHUB, { HTTP_PROXY: 'http://plain:3128' })).toBeUndefined()
  expect(proxyFor(FINNHUB, {})).toBeUndefined()
})

test('small letters come first, ALL_PROXY last, and a bare host gets a scheme', () => {
  expect(proxyFor(FINNHUB, { ...env, https_proxy: 'http://small:1' })).toBe('http://small:1')
  expect(proxyFor(FINNHUB, { ALL_PROXY: 'proxy:8080' })).toBe('http://proxy:8080')
  expect(proxyFor(FINNHUB, { https_proxy: '', HTTPS_PROXY: 'http://secure:3128' })).toBe('http://secure:3128')
})

test.each([
  ['*', undefined],
  ['finnhub.io', undefined],
  ['.finnhub.io', undefined],
  ['*.finnhub.io', undefined],
  ['example.org, WS.FINNHUB.IO', undefined],
  ['ws.finnhub.io:443', undefined],
  ['ws.finnhub.io:8443', 'http://secure:3128'],
  ['hub.io', 'http://secure:3128'],
  ['example.org', 'http://secure:3128'],
])('NO_PROXY=%s', (list, expected) => {
  expect(proxyFor(FINNHUB, { ...env, NO_PROXY: list })).toBe(expected)
})

test('this machine is never behind a proxy', () => {
  for (const host of ['localhost', '127.0.0.1', '[::1]', 'feed.localhost']) {
    expect(proxyFor(`ws://${host}:8090`, env)).toBeUndefined()
  }
})

test.each([
  ['192.168.49.0/24', undefined],
  ['10.96.0.0/12,192.168.49.2/32', undefined],
  ['192.168.50.0/24', 'http://secure:3128'],
  ['192.168.49.0/x', 'http://secure:3128'],
  ['192.168.49.0/99', 'http://secure:3128'],
  ['fd00::/8', 'http://secure:3128'],
])('NO_PROXY=%s is a range of addresses', (list, expected) => {
  expect(proxyFor('https://192.168.49.2:8443', { ...env, NO_PROXY: list })).toBe(expected)
})

test('NO_PROXY may hold ranges of IPv6', () => {
  expect(proxyFor('https://[fd00::1]:6443', { ...env, NO_PROXY: 'fd00::/8' })).toBeUndefined()
})

describe('what is to be reached directly', () => {
  const NAMES = ['NO_PROXY', 'no_proxy', 'HTTPS_PROXY'] as const
  const former = NAMES.map((name) => [name, process.env[name]] as const)
  const set = (values: readonly (readonly [string, string | undefined])[]) => {
    for (const [name, value] of values)
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  }
  afterEach(() => set(former))

  test.each([
    { NO_PROXY: '10.0.0.0/8,registry.corp', no_proxy: undefined, list: '10.0.0.0/8,registry.corp' },
    { NO_PROXY: undefined, no_proxy: '10.0.0.0/8 registry.corp', list: '10.0.0.0/8 registry.corp' },
    { NO_PROXY: 'other.corp', no_proxy: '10.0.0.0/8,registry.corp', list: '10.0.0.0/8,registry.corp' },
  ])('joins what the environment exempts already: $NO_PROXY $no_proxy', ({ NO_PROXY, no_proxy, list }) => {
    set([
      ['NO_PROXY', NO_PROXY],
      ['no_proxy', no_proxy],
      ['HTTPS_PROXY', 'http://secure:3128'],
    ])
    for (let tried = 0; tried < 2; tried++) {
      expect(proxyOrDirect('https://10.1.2.3:6443')).toBeUndefined()
      expect(proxyOrDirect('https://finnhub.io')).toBe('http://secure:3128')
      expect(proxyFor('https://registry.corp', process.env)).toBeUndefined()
      for (const name of ['NO_PROXY', 'no_proxy']) expect(process.env[name]).toBe(`${list},10.1.2.3`)
    }
  })
})
