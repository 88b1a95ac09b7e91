import { type Finding, fail, ok, warn } from '../../finding.ts'
import type { Cluster } from '../cluster.ts'
import { at, listAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import type { Examined } from './check.ts'
import { driverOf, installedDrivers } from './drivers.ts'

const DEFAULT = 'storageclass.kubernetes.io/is-default-class'
const EBS = 'ebs.csi.aws.com'
const CLASSES = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' }

/** Every claim must name a class that exists, or none where the cluster has a default; and somebody must make its volumes. */
export async function checkStorage({ cluster, objects }: Examined): Promise<Finding[]> {
  const claims = objects.flatMap(claimsOf)
  if (claims.length === 0) return [ok('storage', 'nothing is kept')]
  const classes = await cluster.list(CLASSES)
  const names = classes.map(({ metadata }) => metadata.name)
  const known = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`
  const named = [...new Set(claims.map((claim) => textAt(claim, 'spec', 'storageClassName')))]
  const missing = named.filter((name) => name !== '' && !names.includes(name))
  if (missing.length > 0) return [fail('storage', `no StorageClass ${missing.join(', ')}; ${known}`, wayOut(names))]
  const byDefault = classes.find(({ metadata }) => metadata.annotations?.[DEFAULT] === 'true')
  if (named.includes('') && byDefault === undefined)
    return [
      fail(
        'storage',
        `no StorageClass is the default; ${known}`,
        names.length === 0 ? wayOut(names) : `mark one as default, or ${wayOut(names)}`,
      ),
    ]
  const words = named.map((name) => name || `${byDefault?.metadata.name} (default)`).join(', ')
  const used = new Set(named.map((name) => name || byDefault?.metadata.name))
  const idle = await withoutDriver(
    cluster,
    classes.filter(({ metadata }) => used.has(metadata.name)),
  )
  return [idle === null ? ok('storage', `StorageClass ${words}`) : noDriver(words, idle)]
}

interface Idle {
  name: string
  driver: string
}

/** The first class that nobody makes volumes for; null where each has its driver, or nobody may look. */
async function withoutDriver(cluster: Cluster, classes: readonly KubeObject[]): Promise<Idle | null> {
  const needed = classes.flatMap((its) => {
    const driver = driverOf(its)
    return driver === null ? [] : [{ name: its.metadata.name, driver }]
  })
  const installed = needed.length === 0 ? null : await installedDrivers(cluster)
  return needed.find(({ driver }) => installed?.has(driver) === false) ?? null
}

/** A warning: a driver need not list itself. */
const noDriver = (words: string, { name, driver }: Idle): Finding =>
  warn(
    'storage',
    `StorageClass ${words}; the cluster has no driver ${driver}, so that ${name} seems to give no volume`,
    `install it${driver === EBS ? ' (the add-on aws-ebs-csi-driver of EKS)' : ''}, or choose a class that has one: --set storageClass=NAME`,
  )

const wayOut = (names: readonly string[]): string =>
  names.length === 0
    ? 'install one with a driver (minikube addons enable storage-provisioner, then default-storageclass)'
    : `--set storageClass=${names.length === 1 ? names[0] : 'NAME'}`

const claimsOf = (object: KubeObject): readonly unknown[] =>
  object.kind === 'PersistentVolumeClaim' ? [object] : listAt(at(object, 'spec'), 'volumeClaimTemplates')
