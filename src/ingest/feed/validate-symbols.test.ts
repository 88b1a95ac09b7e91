import { expect, test } from 'bun:test'

import { systemClock } from '../../clock.ts'
import { silentLog } from '../../telemetry.ts'
import { startSimulator } from '../simulator/simulator.ts'
import { restAddress, validateSymbols } from './validate-symbols.ts'

function recorder() {
  const events: string[] = []
  const note = (event: string) => void events.push(event)
  return { events, log: { debug: note, info: note, warn: note, error: note } }
}

test('listed symbols pass, stocks and crypto', async () => {
  await using simulator = await startSimulator({}, { clock: systemClock, log: silentLog })
  const { events, log } = recorder()
  await validateSymbols(['AAPL', 'BINANCE:BTCUSDT'], { url: simulator.url, token: 'x', log })
  expect(events).toEqual(['symbols.valid'])
})

test('all that are not listed are named at once', async () => {
  await using simulator = await startSimulator({}, { clock: systemClock, log: silentLog })
  const refused = await validateSymbols(['AAPL', 'APPL', 'BINANCE:NOTUSDT', 'OANDA:EUR_USD'], {
    url: simulator.url,
    token: 'x',
    log: silentLog,
  }).catch((error: unknown) => error)
  expect(refused).toMatchObject({
    code: 'config',
    message: 'the provider does not list APPL, BINANCE:NOTUSDT, OANDA:EUR_USD',
  })
})

test('a provider that cannot be asked is no reason not to start', async () => {
  const { events, log } = recorder()
  await validateSymbols(['AAPL'], { url: 'ws://127.0.0.1:1', token: 'x', log })
  expect(events).toEqual(['symbols.not_checked'])
})

test('a refused token is said', async () => {
  using server = Bun.serve({ port: 0, development: false, fetch: () => new Response('', { status: 401 }) })
  const refused = await validateSymbols(['AAPL'], {
    url: `ws://127.0.0.1:${server.port}`,
    token: 'x',
    log: silentLog,
  }).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'auth' })
})

test('the listing is asked beside the websocket', () => {
  expect(restAddress('wss://ws.finnhub.io')).toBe('https://finnhub.io/api/v1')
  expect(restAddress('ws://127.0.0.1:8090/x')).toBe('http://127.0.0.1:8090/api/v1')
})
