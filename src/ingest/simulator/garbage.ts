import type { Random } from './random.ts'

const HUGE_BYTES = 1_000_000

const BROKEN: readonly ((random: Random) => string)[] = [
  () => '{"data":[{"c":null,"p":1.5,"s":"BINANCE:BTCUS',
  () => 'upstream connect error or disconnect/reset before headers',
  () => '{"type":"trade"}',
  () => '{"data":null,"type":"trade"}',
  () => '[]',
  () => '{"data":[{"c":null,"s":"BINANCE:BTCUSDT","t":1700000000000,"v":1}],"type":"trade"}',
  () => '{"data":[{"c":null,"p":"1.5","s":"BINANCE:BTCUSDT","t":1700000000000,"v":1}],"type":"trade"}',
  () => '{"data":[{"c":null,"p":1.5,"s":"BINANCE:BTCUSDT","t":1700000000000,"v":-1}],"type":"trade"}',
  () => '{"data":[{"c":null,"p":1.5,"s":"","t":1700000000.5,"v":1}],"type":"trade"}',
  () => '{"data":[null,7],"type":"trade"}',
  (random) => `{"type":"notice-${random.below(10)}"}`,
  () => `{"type":"trade","data":"${'x'.repeat(HUGE_BYTES)}"}`,
]

/** A frame without one valid trade in it: invalid JSON, missing fields, wrong types, or a megabyte of nothing. */
export const garbage = (random: Random): string => BROKEN[random.below(BROKEN.length)]?.(random) ?? ''
