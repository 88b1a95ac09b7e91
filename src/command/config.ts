import { configuredCommand, formatOf, OUTPUT } from './command.ts'

export const configCommand = configuredCommand({
  name: 'config',
  describe: 'Every option with its value and where that comes from; secrets masked',
  examples: [
    ['stockpipe config', 'what `stockpipe run` would use here'],
    ['stockpipe config -o yaml > stockpipe.yaml', 'keep it in a file'],
  ],
  local: OUTPUT,
  async run({ settings, origins, values, print }) {
    const show = await import('../config/show.ts')
    const words = { text: show.asText, json: show.asJson, yaml: show.asYaml }[formatOf(values)]
    await print(words(show.showSettings(settings, origins)))
    return 0
  },
})
