import type { Settings } from '../config.ts'
import type { SimulatorOptions } from '../ingest/simulator/options.ts'
import { configuredCommand } from './command.ts'

export const simulateCommand = configuredCommand({
  name: 'simulate',
  describe: 'Serve a made-up market by the protocol of Finnhub',
  examples: [
    ['stockpipe simulate --rate 100 --seed 7', 'then: stockpipe run --finnhub-url ws://127.0.0.1:8090'],
    ['stockpipe simulate --repeats 2 --late 0.01,20s --truth sent.ndjson', 'a difficult one, with the truth beside it'],
  ],
  local: {},
  async run({ settings, origins, print, secrets }) {
    const [{ startSimulator }, { systemClock }, { createLog }, { interrupted }] = await Promise.all([
      import('../ingest/simulator/simulator.ts'),
      import('../clock.ts'),
      import('../telemetry.ts'),
      import('./interrupt.ts'),
    ])
    using stop = interrupted()
    const log = createLog({
      level: settings.logLevel,
      format: settings.logFormat ?? (process.stderr.isTTY ? 'pretty' : 'json'),
      clock: systemClock,
      write: (line) => process.stderr.write(`${line}\n`),
      role: 'simulator',
      secrets,
    })
    const symbols = origins.symbols.source === 'default' ? null : settings.symbols
    await using simulator = await startSimulator({ ...switches(settings), symbols }, { clock: systemClock, log })
    await print(`simulated market at ${simulator.url}\n  try: stockpipe run --finnhub-url ${simulator.url}\n`)
    await stop.happened
    return 0
  },
})

const switches = (settings: Settings): Partial<SimulatorOptions> => ({
  host: settings.simulateListen.host,
  port: settings.simulateListen.port,
  seed: settings.simulateSeed,
  rate: settings.simulateRate,
  history: settings.simulateHistory,
  repeats: settings.simulateRepeats,
  twins: settings.simulateTwins,
  disorderMs: settings.simulateDisorder,
  late: settings.simulateLate,
  futureShare: settings.simulateFuture,
  zeroVolumeShare: settings.simulateZeroVolume,
  sameMsShare: settings.simulateSameMs,
  stall: settings.simulateStall,
  closeEveryMs: settings.simulateClose,
  midFrameClose: settings.simulateMidFrameClose,
  limit: settings.simulateLimit,
  oneConnection: settings.simulateOneConnection,
  reject: settings.simulateReject,
  clockOffsetMs: settings.simulateClockOffset,
  garbageShare: settings.simulateGarbage,
  truthFile: settings.simulateTruth,
})
