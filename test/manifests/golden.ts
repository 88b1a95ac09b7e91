#!/usr/bin/env bun
/** Renews the renders that golden.test.ts compares with, and the table in manifests/README.md: bun test/manifests/golden.ts, then look at what git says changed. */
import { join, resolve } from 'node:path'

import type { KubeObject } from '../../src/deploy/object.ts'
import { isWorkload } from '../../src/deploy/pod.ts'
import { PROFILES } from '../../src/deploy/profile.ts'
import { CONFIG_HASH } from '../../src/deploy/render/hashes.ts'
import { toYaml } from '../../src/deploy/yaml.ts'
import { rendered } from './combinations.ts'
import { README, withSums } from './sums.ts'

const FOLDER = resolve(import.meta.dir, '../fixtures/manifests')

/** What a choice adds or changes, and nothing else. */
function changedBy(...sets: string[]): KubeObject[] {
  const usual = new Set(rendered().map((object) => JSON.stringify(object)))
  return rendered({ sets }).filter((object) => !usual.has(JSON.stringify(object)))
}

/** Every profile as it is, and everything that may be chosen, once. */
export const GOLDEN = {
  ...Object.fromEntries(PROFILES.map((profile) => [profile, () => rendered({ profile })])),
  choices: () =>
    rendered({
      sets: [
        'feed=finnhub',
        'ui=kafdrop',
        'processor.autoscaling.by=keda',
        'api.exposure=gateway',
        'api.host=market.example.com',
        'api.class=istio',
        'api.tokenSecret=api-token',
        'grafana.liveTokenSecret=grafana-live',
        'monitoring.namespace=monitoring',
        'monitoring.by=operator',
        'monitoring.labels.release=prometheus',
        'registry=mirror.example.com/hub',
        'pullSecret=mirror',
        'storageClass=fast',
        'namespace=market',
      ],
    }),
  // Beside KEDA there is no place for it.
  'autoscale-hpa': () =>
    changedBy(
      'processor.autoscaling.by=hpa',
      'processor.autoscaling.min=2',
      'processor.autoscaling.max=8',
      'processor.autoscaling.lag=900',
    ),
} satisfies Readonly<Record<string, () => KubeObject[]>>

export const goldenFile = (name: string): string => join(FOLDER, `${name}.yaml`)

/** Without Grafana's files and what hangs on them: grafana/ has tests of its own. */
export const goldenText = (objects: readonly KubeObject[]): string =>
  toYaml(
    objects.filter(({ kind, metadata }) => kind !== 'ConfigMap' || !metadata.name.startsWith('grafana-')).map(masked),
  )

function masked(object: KubeObject): KubeObject {
  if (!isWorkload(object) || object.metadata.name !== 'grafana') return object
  const copy = structuredClone(object)
  copy.spec.template.metadata.annotations = {
    ...copy.spec.template.metadata.annotations,
    [CONFIG_HASH]: 'of-its-files',
  }
  return copy
}

if (import.meta.main) {
  for (const [name, render] of Object.entries(GOLDEN)) await Bun.write(goldenFile(name), goldenText(render()))
  await Bun.write(README, withSums(await Bun.file(README).text()) ?? '')
}
