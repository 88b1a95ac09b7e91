import { join } from 'node:path'

import { symbols } from '../config/symbols.ts'
import { choice, path, text, truth } from '../config/value.ts'
import { local, plainCommand } from './command.ts'

const FOLDER = 'grafana'
const SOURCES = ['cassandra', 'api'] as const

/** The provider's file looks there. */
const PLACES = 'provisioning belongs into /etc/grafana, dashboards into /etc/stockpipe\n'

export const grafanaCommand = plainCommand({
  name: 'grafana',
  describe: 'Dashboards, data sources and alerts, for a Grafana of your own',
  examples: [
    ['stockpipe grafana export --dir mine', 'as files, and where they belong'],
    ['stockpipe grafana export --k8s -n monitoring | kubectl apply -f -', 'as ConfigMaps, labelled for the sidecar'],
  ],
  positional: { name: 'action', describe: 'What to do', choices: ['export'], isRequired: true },
  local: {
    dir: local(path, null, `Folder to write into; without it: ${FOLDER}`),
    k8s: local(truth, false, 'Print ConfigMaps instead'),
    namespace: local(text('a namespace'), 'pipeline', 'Of the ConfigMaps', 'n'),
    source: local(choice(SOURCES), null, 'Only what asks Cassandra, or only what asks the HTTP API'),
    symbols: local(symbols, null, 'Symbols that Market live offers'),
  },
  async run({ values: { dir, k8s, namespace, source, symbols }, print }) {
    const { configMaps, exportedFiles, titlesOf } = await import('../deploy/grafana/export.ts')
    const files = exportedFiles({ source, symbols })
    if (k8s) {
      const objects = configMaps(files, namespace)
      const { stringify } = await import('yaml')
      await print(objects.map((object) => stringify(object, { lineWidth: 0 })).join('---\n'))
      return 0
    }
    const folder = dir ?? FOLDER
    for (const [name, content] of files) await Bun.write(join(folder, name), content)
    await print(`${files.size} files in ${folder}: ${titlesOf(files).join(', ')}\n${PLACES}`)
    return 0
  },
})
