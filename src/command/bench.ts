import { formatOf, OUTPUT, plainCommand } from './command.ts'

export const benchCommand = plainCommand({
  name: 'bench',
  describe: 'Measure this machine: windows alone, or replay to stored rows',
  examples: [
    ['stockpipe bench engine', 'decode, fold and rows, without a store'],
    ['stockpipe bench store -o json', 'replay to final rows in the embedded store'],
  ],
  positional: { name: 'subject', describe: 'What to measure', choices: ['engine', 'store'], isRequired: true },
  local: OUTPUT,
  async run({ positional, values, print }) {
    const result = positional === 'engine' ? await engine() : await store()
    const format = formatOf(values)
    if (format === 'text') await print(`${result.text.trimEnd()}\n`)
    else if (format === 'json') await print(`${JSON.stringify(result.json)}\n`)
    else await print(`${Bun.YAML.stringify(result.json, null, 2)}\n`)
    return 0
  },
})

const engine = async () => (await import('../bench/engine.ts')).benchEngine()
const store = async () => (await import('../bench/store.ts')).benchStore()
