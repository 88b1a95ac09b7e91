/** What concerns every pod: images, where it may run, which Secrets it gets. */
import type { KubeObject } from '../object.ts'
import { containersOf, isWorkload, type PodTemplate } from '../pod.ts'
import type { Values } from '../values.ts'

export function setPods(objects: readonly KubeObject[], values: Values): void {
  for (const object of objects) {
    if (!isWorkload(object)) continue
    const image = imageFor(object.metadata.labels?.['app.kubernetes.io/name'] ?? '', values)
    for (const container of containersOf(object.spec.template)) container.image = image(container.image)
    setPlace(object.spec.template, values)
    renameSecrets(object.spec.template, secretNames(values))
  }
}

const IMAGES = {
  stockpipe: 'stockpipe',
  kafka: 'kafka',
  cassandra: 'cassandra',
  grafana: 'grafana',
  'kafka-ui': 'kafkaUi',
} as const satisfies Readonly<Record<string, keyof Values['images']>>

const imageFor =
  (name: string, { images, registry }: Values) =>
  (written: string): string => {
    const key = name in IMAGES ? IMAGES[name as keyof typeof IMAGES] : undefined
    const image = (key === undefined ? undefined : images[key]) ?? written
    return registry === undefined || namesRegistry(image) ? image : `${registry}/${image}`
  }

/** `ghcr.io/a/b` and `localhost:5000/a` do, `apache/kafka` does not. */
const namesRegistry = (image: string): boolean => /^([^/]*[.:][^/]*|localhost)\//.test(image)

function setPlace({ spec }: PodTemplate, { pullSecret, priorityClass, nodeSelector, tolerations }: Values): void {
  if (pullSecret !== undefined) spec.imagePullSecrets = [{ name: pullSecret }]
  if (priorityClass !== undefined) spec['priorityClassName'] = priorityClass
  if (nodeSelector !== undefined) spec['nodeSelector'] = nodeSelector
  if (tolerations !== undefined) spec['tolerations'] = tolerations
}

const SECRETS = {
  cassandraSuperuser: 'cassandra-superuser',
  cassandraWriter: 'cassandra-writer',
  cassandraReader: 'cassandra-reader',
  cassandraGrafana: 'cassandra-grafana',
  grafanaAdmin: 'grafana-admin',
  kafkaCluster: 'kafka-cluster',
  finnhub: 'finnhub',
} as const satisfies Readonly<Record<keyof Values['secrets'], string>>

/** Name in the manifests -> name of the user's own Secret. */
export function secretNames({ secrets }: Values): ReadonlyMap<string, string> {
  const keys = Object.keys(SECRETS) as (keyof typeof SECRETS)[]
  return new Map(keys.flatMap((key) => (secrets[key] === undefined ? [] : [[SECRETS[key], secrets[key]]])))
}

function renameSecrets({ spec }: PodTemplate, names: ReadonlyMap<string, string>): void {
  for (const { env = [] } of [...(spec.initContainers ?? []), ...spec.containers])
    for (const { valueFrom } of env)
      if (valueFrom?.secretKeyRef)
        valueFrom.secretKeyRef.name = names.get(valueFrom.secretKeyRef.name) ?? valueFrom.secretKeyRef.name
  for (const { secret } of spec.volumes ?? [])
    if (secret) secret.secretName = names.get(secret.secretName) ?? secret.secretName
}
