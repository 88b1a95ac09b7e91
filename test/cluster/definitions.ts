/** Kinds that no Kubernetes has by itself: their definitions (CRDs), as their projects publish them. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { type Means, requiredMeans } from './means.ts'
import type { KubeObject } from '../../src/deploy/object.ts'
import { parseDocuments } from '../../src/deploy/yaml.ts'

interface Publication {
  /** A Go module, and what the checksum database says of this version. */
  module: string
  version: string
  sum: string
  files: readonly string[]
}

/** All under Apache-2.0. They are fetched as the modules of the cluster are, and kept in the same cache. */
const PUBLISHED: readonly Publication[] = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator',
    version: 'v0.85.0',
    sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    files: ['servicemonitors', 'prometheusrules'].map(
      (name) => `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`,
    ),
  },
  {
    module: 'github.com/kedacore/keda/v2',
    version: 'v2.18.1',
    sum: 'h1:h6bRt/IOxxtZpJlHSqhdH/lcInH7Z9obxg/JvWOmGAw=',
    files: ['scaledobjects', 'triggerauthentications'].map((name) => `config/crd/bases/keda.sh_${name}.yaml`),
  },
  {
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.4.1',
    sum: 'h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=',
    files: ['gateways', 'httproutes'].map((name) => `config/crd/standard/gateway.networking.k8s.io_${name}.yaml`),
  },
]

/** Every one of them, ready to be applied. */
export async function definitions(means: Means = requiredMeans()): Promise<KubeObject[]> {
  const texts = await Promise.all(PUBLISHED.map((publication) => textOf(publication, means)))
  return texts.flatMap((text) => parseDocuments(text, 'definitions') as KubeObject[])
}

/** From the cache, or by Go's own means, which compares what it gets with the checksum database. */
async function textOf(publication: Publication, means: Means): Promise<string> {
  const folder = join(means.cache, 'definitions')
  const path = join(folder, `${Bun.hash(JSON.stringify(publication)).toString(36)}.yaml`)
  if (existsSync(path)) return Bun.file(path).text()
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, 'work-'))
  try {
    const source = await downloaded(publication, { go: means.go, cwd: work })
    const texts = await Promise.all(publication.files.map((file) => Bun.file(join(source, file)).text()))
    await Bun.write(join(work, 'all.yaml'), texts.join('\n---\n'))
    renameSync(join(work, 'all.yaml'), path)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return Bun.file(path).text()
}

/** The folder of the module's source. */
async function downloaded({ module, version, sum }: Publication, { go, cwd }: { go: string; cwd: string }) {
  const child = Bun.spawn([go, 'mod', 'download', '-json', `${module}@${version}`], { cwd, stderr: 'pipe' })
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  const said = JSON.parse(out || '{}') as { Dir?: string; Sum?: string; Error?: string }
  if (said.Dir !== undefined && said.Sum === sum) return said.Dir
  throw new Error(`${module} ${version}: ${said.Error ?? (error || `its sum is ${said.Sum}, not ${sum}`)}`)
}
