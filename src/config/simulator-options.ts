/** The switches of `stockpipe simulate`. As variables and in the file they begin with `simulate`. */
import { listenAddress } from './address.ts'
import { duration, printDuration } from './measure.ts'
import { inGroup } from './option.ts'
import { integer, number, path, refuse, share, splitList, truth, type ValueType } from './value.ts'

const DAY = 86_400_000
const simulator = inGroup('simulator')
const ms = (min: number) => duration({ min, max: DAY, bare: true })
const signed: ValueType<number> = {
  accepts: 'a duration, like 200ms or -10s',
  parse: (value) => {
    const behind = value.trim().startsWith('-')
    return (behind ? -1 : 1) * ms(0).parse(behind ? value.trim().slice(1) : value)
  },
  print: (value) => (value < 0 ? `-${printDuration(-value)}` : printDuration(value)),
}

/** One of a few numbers. */
const oneOf = <const N extends number>(numbers: readonly N[]): ValueType<N> => ({
  accepts: numbers.join(', '),
  choices: numbers.map(String),
  parse(value) {
    const found = numbers.find((known) => String(known) === value.trim())
    if (found === undefined) throw refuse('is not one of the choices')
    return found
  },
  print: (value) => value,
})

/** Two values with a comma between them. */
const pair = <A extends string, B extends string>(
  [nameA, typeA]: readonly [A, ValueType<number>],
  [nameB, typeB]: readonly [B, ValueType<number>],
): ValueType<{ readonly [K in A | B]: number }> => ({
  accepts: `${typeA.accepts}; a comma; ${typeB.accepts}`,
  parse(value) {
    const [a, b, ...more] = splitList(value)
    if (a === undefined || b === undefined || more.length > 0)
      throw refuse('is not two values with a comma between them')
    return { [nameA]: typeA.parse(a), [nameB]: typeB.parse(b) } as { [K in A | B]: number }
  },
  print: (value) => `${String(typeA.print(value[nameA]))},${String(typeB.print(value[nameB]))}`,
})

export const SIMULATOR_OPTIONS = {
  simulateListen: simulator(
    listenAddress,
    { host: '127.0.0.1', port: 8090 },
    {
      flag: 'listen',
      describe: 'Where to serve the websocket and REST',
    },
  ),
  simulateSeed: simulator(integer({ min: 0, max: 2 ** 32 - 1 }), 1, {
    flag: 'seed',
    describe: 'Same seed, same market',
  }),
  simulateRate: simulator(number({ min: 0.01, max: 1_000_000 }), 30, {
    flag: 'rate',
    describe: 'Trades a second, all symbols together',
  }),
  simulateHistory: simulator(ms(0), 0, { flag: 'history', describe: 'Send this much of the past first' }),
  simulateRepeats: simulator(oneOf([1, 2, 3]), 1, {
    flag: 'repeats',
    describe: 'How often every trade is delivered',
  }),
  simulateTwins: simulator(share, 0.01, {
    flag: 'twins',
    describe: 'Share of trades followed by another that is equal in everything',
  }),
  simulateDisorder: simulator(ms(0), 0, { flag: 'disorder', describe: 'How far trades may come out of order' }),
  simulateLate: simulator(pair(['share', share], ['ms', ms(1)]), null, {
    flag: 'late',
    describe: 'Share of late trades, and how late',
  }),
  simulateFuture: simulator(share, 0, { flag: 'future', describe: 'Share of trades with a time far ahead' }),
  simulateZeroVolume: simulator(share, 0, { flag: 'zero-volume', describe: 'Share of price updates without a volume' }),
  simulateSameMs: simulator(share, 0.6, {
    flag: 'same-ms',
    describe: 'Share of the prints of one order that fall into the same ms',
  }),
  simulateStall: simulator(pair(['afterMs', ms(0)], ['forMs', ms(1)]), null, {
    flag: 'stall',
    describe: 'Send only pings: after, for how long',
  }),
  simulateClose: simulator(ms(1), null, { flag: 'close', describe: 'Close each connection after so long' }),
  simulateMidFrameClose: simulator(truth, false, {
    flag: 'mid-frame-close',
    describe: 'Close in the middle of a frame',
  }),
  simulateLimit: simulator(integer({ min: 1, max: 100_000 }), 50, {
    flag: 'limit',
    describe: 'Symbols a connection may subscribe to',
  }),
  simulateOneConnection: simulator(truth, false, {
    flag: 'one-connection',
    describe: 'A second client evicts the first',
  }),
  simulateReject: simulator(oneOf([401, 429, 524]), null, {
    flag: 'reject',
    describe: 'Refuse the handshake with this status',
  }),
  simulateClockOffset: simulator(signed, 0, {
    flag: 'clock-offset',
    describe: 'How far this server is ahead of the true time',
  }),
  simulateGarbage: simulator(share, 0, { flag: 'garbage', describe: 'Share of broken frames' }),
  simulateTruth: simulator(path, null, { flag: 'truth', describe: 'File to write everything that was sent to' }),
}
