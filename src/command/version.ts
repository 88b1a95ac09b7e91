import { buildInfo } from '../version.ts'
import { formatOf, OUTPUT, plainCommand, type OutputFormat } from './command.ts'

export const versionCommand = plainCommand({
  name: 'version',
  describe: 'Version, commit and runtime',
  examples: [['stockpipe version -o json', 'the same for a script']],
  local: OUTPUT,
  async run({ values, print }) {
    await print(versionWords(formatOf(values)))
    return 0
  },
})

export function versionWords(format: OutputFormat): string {
  const info = buildInfo()
  if (format === 'json') return `${JSON.stringify(info)}\n`
  if (format === 'yaml') return `${Bun.YAML.stringify(info, null, 2)}\n`
  return `stockpipe ${info.version} (${info.commit}, ${info.runtime}, ${info.platform})\n`
}
