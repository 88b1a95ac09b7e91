import { choice } from '../../config/value.ts'
import { local, plainCommand } from '../command.ts'
import { GIVEN, PLACE, WISHES } from './flags.ts'
import { wantedOf } from './wanted.ts'

/** The same bytes for the same words, wherever they are said. */
const NO_ENVIRONMENT = {}

export const deployRenderCommand = plainCommand({
  name: 'deploy',
  sub: 'render',
  describe: 'The objects that apply would apply, without a cluster: for kubectl, for a repository of Argo CD or Flux',
  examples: [
    ['stockpipe deploy render --profile eks > stockpipe.yaml', 'the same bytes for the same values'],
    ['stockpipe deploy render --set kafka.storage=20Gi -f mine.yaml', 'with values; secrets are names and keys only'],
  ],
  local: { ...PLACE, ...WISHES, ...GIVEN, output: local(choice(['yaml', 'json']), 'yaml', 'How to print', 'o') },
  async run({ values, print }) {
    const { rendered } = await import('../../deploy/rendered.ts')
    await print(rendered(wantedOf(values, NO_ENVIRONMENT), values.output))
    return 0
  },
})
