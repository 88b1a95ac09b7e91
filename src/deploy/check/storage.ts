import { type Finding, fail, ok } from '../../finding.ts'
import { at, listAt, textAt } from '../fields.ts'
import type { KubeObject } from '../object.ts'
import type { Examined } from './check.ts'

const DEFAULT = 'storageclass.kubernetes.io/is-default-class'
const CLASSES = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' }

/** Every claim must name a class that exists, or none where the cluster has a default. */
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
  const used = named.map((name) => name || `${byDefault?.metadata.name} (default)`)
  return [ok('storage', `StorageClass ${used.join(', ')}`)]
}

const wayOut = (names: readonly string[]): string =>
  names.length === 0
    ? 'install one with a driver (minikube addons enable storage-provisioner, then default-storageclass)'
    : `--set storageClass=${names.length === 1 ? names[0] : 'NAME'}`

const claimsOf = (object: KubeObject): readonly unknown[] =>
  object.kind === 'PersistentVolumeClaim' ? [object] : listAt(at(object, 'spec'), 'volumeClaimTemplates')
