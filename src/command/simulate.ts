import { configuredCommand } from './command.ts'

export const simulateCommand = configuredCommand({
  name: 'simulate',
  describe: 'Serve a made-up market by the protocol of Finnhub',
  examples: [
    ['stockpipe simulate --rate 100 --seed 7', 'then: stockpipe run --finnhub-url ws://127.0.0.1:8090'],
    ['stockpipe simulate --repeats 2 --late 0.01,20s --truth sent.ndjson', 'a difficult one, with the truth beside it'],
  ],
  local: {},
  async run({ print }) {
    await print('not yet\n')
    return 1
  },
})
