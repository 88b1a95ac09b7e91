import { expect, test } from 'bun:test'
import { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded } from 'kafkajs'

import { toStockpipeError } from './failure.ts'

const retried = (cause: Error) => new KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 0, retryTime: 0 })

test.each([
  ['Authentication failed: Invalid username or password', 'auth'],
  ['Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256', 'auth'],
  ['Closed connection', 'unreachable'],
  ['Connection error: read ECONNRESET', 'unreachable'],
  ['Request SaslAuthenticate(key: 36, version: 1) timed out', 'unreachable'],
])('a login that failed with %p is %s', (message, code) => {
  const error = Object.assign(new Error(`SASL PLAIN authentication failed: ${message}`), {
    name: 'KafkaJSSASLAuthenticationError',
  })
  expect(toStockpipeError(error, 'read x')).toMatchObject({ code })
})

test('a name that does not resolve, and a port where nobody is, are told apart', () => {
  const failed = (code: string, broker: string) =>
    retried(Object.assign(new KafkaJSConnectionError(`Connection error: ${code}`, { broker }), { code }))
  expect(String(toStockpipeError(failed('ENOTFOUND', 'kafka:9092'), 'read x'))).toContain(
    'the name of the Kafka broker at kafka:9092 does not resolve',
  )
  expect(String(toStockpipeError(failed('ECONNREFUSED', 'kafka:9092'), 'read x'))).toContain(
    'no Kafka broker answers at kafka:9092',
  )
})
