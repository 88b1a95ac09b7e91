/** Everything that the lint looks at, read from the repository. */
import { join } from 'node:path'

import type { Surroundings } from './lint/lint.ts'
import type { AlertFile } from './lint/alert-rules.ts'
import type { Install } from './lint/install-rules.ts'
import { metricTypes } from './lint/metrics.ts'
import type { SourceFile } from './lint/source-rules.ts'
import { tablesOf } from './lint/statement.ts'
import { runbook } from './src/runbook.ts'
import { Registry } from '@prometheus-io/client'
import { systemClock } from '../src/clock.ts'
import { DASHBOARDS } from '../src/deploy/grafana/files.ts'
import { containersOf, isWorkload } from '../src/deploy/pod.ts'
import { PROFILES } from '../src/deploy/profile.ts'
import { render } from '../src/deploy/render.ts'
import { readValues } from '../src/deploy/values.ts'
import { collectDisk, collectProcess } from '../src/process-metrics.ts'
import schema from '../src/stream/store/cassandra/schema.cql' with { type: 'text' }
import { createMetrics } from '../src/telemetry.ts'

const read = (path: string): Promise<string> => Bun.file(join(import.meta.dir, path)).text()

/** A copy of its own for each caller, to be changed at will. */
export async function surroundings(): Promise<Surroundings> {
  const sources = Bun.YAML.parse(await read('provisioning/datasources/stockpipe.yaml')) as SourceFile
  return {
    dashboards: structuredClone(Object.values(DASHBOARDS)),
    alerts: Bun.YAML.parse(await read('provisioning/alerting/stockpipe.yaml')) as AlertFile,
    sourceFile: sources,
    installs: structuredClone(INSTALLS),
    sources: new Map(sources.datasources.map(({ uid, type }) => [uid, type])),
    tables: tablesOf(schema),
    metrics: await exportedMetrics(),
    runbook: new Map(runbook()),
  }
}

/** Of compose.yaml, and of every profile. */
async function installs(): Promise<Install[]> {
  const { services } = Bun.YAML.parse(await read('../compose.yaml')) as {
    services: Record<string, { image: string; environment?: Record<string, string> }>
  }
  const { image = '', environment: env = {} } = services['grafana'] ?? {}
  return [{ where: 'compose.yaml', image, env }, ...PROFILES.flatMap(installsOf)]
}

const installsOf = (profile: (typeof PROFILES)[number]): Install[] =>
  render(readValues({ profile }))
    .filter(isWorkload)
    .filter(({ metadata }) => metadata.name === 'grafana')
    .flatMap(({ spec }) => containersOf(spec.template))
    .map(({ image, env = [] }) => ({
      where: profile,
      image,
      env: Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
    }))
/** Rendered once for all tests. */
export const INSTALLS: readonly Install[] = await installs()

/** What a process would export; test/grafana.test.ts asks real ones. */
async function exportedMetrics(): Promise<Map<string, string>> {
  const { registry } = createMetrics()
  collectProcess(registry, systemClock)
  collectDisk(registry, '/')
  return metricTypes(await Registry.merge([registry]).metrics())
}
