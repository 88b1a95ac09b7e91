import { moment } from '../config/moment.ts'
import { symbols } from '../config/symbols.ts'
import { choice, choices, path } from '../config/value.ts'
import { INTERVALS } from '../trade.ts'
import { configuredCommand, local } from './command.ts'

export const exportCommand = configuredCommand({
  name: 'export',
  describe: 'Write trades, candles or windows as NDJSON or CSV',
  examples: [
    ['stockpipe export candles --symbol BINANCE:BTCUSDT --interval 1m --format csv --out btc.csv', 'one symbol'],
    ['stockpipe export trades --from 2026-03-02 --to 2026-03-03 | jq .price', 'one day'],
  ],
  positional: { name: 'table', describe: 'What to write', choices: ['trades', 'candles', 'windows'], isRequired: true },
  local: {
    symbol: local(symbols, null, 'Only these symbols'),
    from: local(moment, null, 'From this time on (trade time, candle open, window end)'),
    to: local(moment, null, 'Before this time'),
    interval: local(choices(INTERVALS), null, 'Only these candles'),
    format: local(choice(['ndjson', 'csv']), null, 'How to write'),
    out: local(path, null, 'File to write; without it: stdout'),
  },
  async run({ print }) {
    await print('not yet\n')
    return 1
  },
})
