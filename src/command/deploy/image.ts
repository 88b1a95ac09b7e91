import { path, text } from '../../config/value.ts'
import { buildInfo } from '../../version.ts'
import { local, plainCommand } from '../command.ts'

export const OWN_TAG = `stockpipe:${buildInfo().version}`

export const deployImageCommand = plainCommand({
  name: 'deploy',
  sub: 'image',
  describe: 'Write the container image of this executable, without Docker',
  examples: [
    ['stockpipe deploy image', 'writes stockpipe.tar, for minikube image load, kind load image-archive, docker load'],
  ],
  local: {
    out: local(path, 'stockpipe.tar', 'File to write'),
    tag: local(text('NAME:TAG'), OWN_TAG, 'What the image is called'),
  },
  async run({ values, print }) {
    const { writeOwnImage } = await import('../../deploy/image.ts')
    await writeOwnImage(values.out, values.tag)
    await print(`${values.out}: ${values.tag}\n`)
    return 0
  },
})
