import { describe, expect, test } from 'bun:test'
import { exists } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { parse } from '@cdktn/hcl2json'

import { CONSENT, TARGET, WAITING, WISHES } from '../src/command/deploy/flags.ts'
import { render } from '../src/deploy/render.ts'
import { readValues } from '../src/deploy/values.ts'
import { createMetrics } from '../src/telemetry.ts'

const ROOT = resolve(import.meta.dir, '..')
const TERRAFORM = join(ROOT, 'examples/terraform')
const GITOPS = join(ROOT, 'examples/gitops')

const textOf = (...path: string[]): Promise<string> => Bun.file(join(...path)).text()

interface Kubernetes {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
}

const documentsOf = async (...path: string[]): Promise<Kubernetes[]> =>
  [Bun.YAML.parse(await textOf(...path)) as Kubernetes | Kubernetes[]].flat()

/** Blocks by type and label, as Terraform's own parser has them. */
interface Terraform {
  variable: Record<string, { description?: string; default?: unknown }[]>
  module: Record<string, { source: string; version?: string }[]>
  resource: Record<string, Record<string, Record<string, unknown>[]>>
  terraform: { required_providers: Record<string, { source: string; version?: string }>[] }[]
}

const files = await Array.fromAsync(new Bun.Glob('*.tf').scan(TERRAFORM))
const text = (await Promise.all(files.map((file) => textOf(TERRAFORM, file)))).join('\n')

const terraform = (await parse('all.tf', text)) as unknown as Terraform

describe('The Terraform example', () => {
  const variables = Object.keys(terraform.variable).toSorted()

  test('is written as Terraform reads it, file by file', async () => {
    expect(files.toSorted()).toEqual(['cluster.tf', 'deploy.tf', 'outputs.tf', 'variables.tf', 'versions.tf'])
    for (const file of files) {
      const whole = await textOf(TERRAFORM, file)
      await parse(file, whole)
      const refusal: unknown = await parse(file, whole.slice(0, whole.lastIndexOf('}'))).catch(
        (error: unknown) => error,
      )
      expect(String(refusal)).toContain(file)
    }
  })

  test('declares the variables that it uses, uses those that it declares, and explains each', async () => {
    const used = new Set([...text.matchAll(/\bvar\.(\w+)/g)].map(([, name = '']) => name))
    expect([...used].toSorted()).toEqual(variables)
    const readme = await textOf(TERRAFORM, 'README.md')
    for (const name of variables) {
      expect([name, readme.includes(`\`${name}\``)]).toEqual([name, true])
      expect([name, terraform.variable[name]?.[0]?.description]).toEqual([name, expect.stringMatching(/^\S.*\.$/)])
    }
  })

  test('takes nothing from elsewhere without a version', () => {
    const providers = terraform.terraform.flatMap(({ required_providers }) => required_providers.flatMap(Object.values))
    const sources = [...providers, ...Object.values(terraform.module).flat()] as { source: string; version?: string }[]
    expect(sources.length).toBeGreaterThanOrEqual(5)
    for (const { source, version } of sources)
      expect([source, version]).toEqual([source, expect.stringMatching(/^~> \d+\.\d+$/)])
  })

  test('has no passwords, and no rights beyond those that it names', () => {
    expect(text).not.toMatch(/password|secret_|access_key|0\.0\.0\.0\/0/i)
  })

  test('hands over with flags that deploy has', async () => {
    const [, command = ''] =
      /deploy_command = join\(" ", \[(.*?)\n {2}\]\)/s.exec(await textOf(TERRAFORM, 'deploy.tf')) ?? []
    const flags = [...command.matchAll(/--([a-z-]+)/g)].map(([, name = '']) => name)
    expect(flags).toContain('kubeconfig')
    const known = Object.keys({ ...TARGET, ...WISHES, ...WAITING, ...CONSENT })
    expect(flags.filter((name) => !known.includes(name))).toEqual([])
    const given: Record<string, string> = { 'var.registry': 'registry.example.com', 'var.stockpipe_version': '1.2.3' }
    const sets = [...command.matchAll(/--set ([^\s"]+)/g)].map(([, set = '']) =>
      set.replaceAll(/\$\{(.*?)\}/g, (_, name: string) => given[name] ?? ''),
    )
    const values = readValues({ profile: 'eks', sets })
    expect(JSON.stringify(render(values))).toContain('"registry.example.com/stockpipe:1.2.3"')
  })

  test('makes the StorageClass that the profile asks for', async () => {
    const [wanted] = (await documentsOf(ROOT, 'manifests/overlays/eks/storage-class.yaml')) as unknown as [
      Record<string, unknown> & Kubernetes,
    ]
    const [made] = terraform.resource['kubernetes_storage_class_v1']?.['gp3'] ?? []
    expect(made).toMatchObject({
      metadata: [{ name: wanted.metadata.name }],
      storage_provisioner: wanted['provisioner'],
      parameters: wanted['parameters'],
      reclaim_policy: wanted['reclaimPolicy'],
      volume_binding_mode: wanted['volumeBindingMode'],
      allow_volume_expansion: wanted['allowVolumeExpansion'],
    })
  })
})

describe('The GitOps example', () => {
  test('takes every Secret of the manifests from the vault, and keeps it for good', async () => {
    const manifests = await Promise.all(
      ['manifests/base/secrets.yaml', 'manifests/components/finnhub/secret.yaml'].map((path) =>
        documentsOf(ROOT, path),
      ),
    )
    const names = manifests.flat().map(({ metadata }) => metadata.name)
    expect(names.length).toBeGreaterThan(5)
    const external = await documentsOf(GITOPS, 'stockpipe/external-secrets.yaml')
    expect(external.map(({ metadata }) => metadata.name).toSorted()).toEqual(names.toSorted())
    const readme = await textOf(GITOPS, 'README.md')
    for (const object of external) {
      const { name } = object.metadata
      expect(object).toMatchObject({
        kind: 'ExternalSecret',
        metadata: { namespace: 'pipeline' },
        spec: { target: { name, creationPolicy: 'Orphan', deletionPolicy: 'Retain' } },
      })
      expect([name, readme.includes(`\`${name}\``)]).toEqual([name, true])
    }
  })

  test('names files that are there, but for the one that is rendered', async () => {
    const { resources } = Bun.YAML.parse(await textOf(GITOPS, 'stockpipe/kustomization.yaml')) as {
      resources: string[]
    }
    const missing: string[] = []
    for (const file of resources) if (!(await exists(join(GITOPS, 'stockpipe', file)))) missing.push(file)
    expect(missing).toEqual(['rendered.yaml'])
    expect(await textOf(GITOPS, 'stockpipe/render.sh')).toContain(
      '>rendered.yaml.new\nmv rendered.yaml.new rendered.yaml',
    )
  })

  test('points Argo CD and Flux at its folder, and lets neither force anything', async () => {
    const [application] = await documentsOf(GITOPS, 'argo-cd/application.yaml')
    expect(application).toMatchObject({
      kind: 'Application',
      spec: { source: { path: 'stockpipe' }, destination: { namespace: 'pipeline' } },
    })
    expect(application?.metadata).not.toHaveProperty('finalizers')
    const [repository, kustomization] = await documentsOf(GITOPS, 'flux/kustomization.yaml')
    expect(kustomization).toMatchObject({
      kind: 'Kustomization',
      spec: { path: './stockpipe', sourceRef: { kind: repository?.kind, name: repository?.metadata.name } },
    })
    for (const path of ['argo-cd/application.yaml', 'flux/kustomization.yaml'])
      expect(await textOf(GITOPS, path)).not.toMatch(/^\s*(?:force|Force=|- Replace=)/m)
  })
})

test.each([join(TERRAFORM, 'values.yaml'), join(GITOPS, 'stockpipe/values.yaml')])(
  'The values in %s are taken by the profile eks',
  async (file) => {
    const values = readValues({ profile: 'eks', files: [{ name: file, text: await textOf(file) }] })
    expect(render(values).map(({ kind }) => kind)).toContain('StatefulSet')
  },
)

describe('The values of prometheus-adapter', () => {
  interface AdapterRule {
    seriesQuery: string
    resources: { overrides: Record<string, { resource: string }> }
    name: { matches: string; as: string }
    metricsQuery: string
  }

  test('give the autoscaler the metric that it asks for, one number a pod', async () => {
    const [values] = (await documentsOf(ROOT, 'examples/prometheus-adapter/values.yaml')) as unknown as {
      rules: { custom: AdapterRule[] }
    }[]
    const [rule] = values?.rules.custom ?? []
    if (rule === undefined) throw new Error('no rule')
    const objects = render(readValues({ sets: ['processor.autoscaling.by=hpa'] }))
    const scaler = objects.find(({ kind }) => kind === 'HorizontalPodAutoscaler')
    const [series = ''] = /^\w+/.exec(rule.seriesQuery) ?? []
    const served = series.replace(new RegExp(rule.name.matches), rule.name.as)
    expect(scaler?.['spec']).toMatchObject({ metrics: [{ pods: { metric: { name: served } } }, {}] })
    expect(await createMetrics().registry.metrics()).toContain(`# TYPE ${series} gauge`)
    expect(Object.values(rule.resources.overrides).map(({ resource }) => resource)).toEqual(['namespace', 'pod'])
    // As the adapter does it.
    const expr = rule.metricsQuery
      .replace('<<.Series>>', series)
      .replace('<<.LabelMatchers>>', 'namespace="pipeline",pod=~"a|b"')
      .replace('<<.GroupBy>>', 'pod')
    expect(expr).toBe(`sum(${series}{namespace="pipeline",pod=~"a|b"}) by (pod)`)
  })
})
