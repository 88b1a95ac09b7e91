/**
 * Images for a cluster that can pull none, under the names that manifests pin: real Kafka and Cassandra from the jars
 * of `test/services`, laid out as in their official images, and programs of ours for Grafana and the Kafka UI. For
 * tests on this machine only; `README.md` says how they differ.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { installCassandra } from '../services/cassandra.ts'
import { installKafka } from '../services/kafka.ts'
import { JAVA_LAYER, PATH } from './base-layer.ts'
import { busyboxLayer } from './busybox-layer.ts'
import { type Image, imageFile } from './image.ts'
import { requiredMeans } from './means.ts'
import { programLayer } from './program-layer.ts'
import { cassandraLayer, kafkaLayer } from './server-layers.ts'

/** The images that the manifests pin, whatever their versions. */
export const STAND_INS = {
  kafka: pinned('kafka.yaml', 'apache/kafka'),
  cassandra: pinned('cassandra.yaml', 'cassandra'),
  grafana: pinned('grafana.yaml', 'grafana/grafana'),
  'kafka-ui': pinned('kafka-ui.yaml', 'ghcr.io/kafbat/kafka-ui'),
} as const
export type StandIn = keyof typeof STAND_INS

const NAMES = Object.keys(STAND_INS) as StandIn[]
const versionOf = (name: StandIn): string => STAND_INS[name].split(':')[1] ?? ''

function pinned(file: string, image: string): string {
  const text = readFileSync(join(import.meta.dir, '../../manifests/base', file), 'utf8')
  const [, tag] = new RegExp(`image: ${image}:(\\S+)`).exec(text) ?? []
  if (tag === undefined) throw new Error(`manifests/base/${file} pins no ${image}`)
  return `${image}:${tag}`
}

/** Archives of the images, made unless they are there. */
export async function standInFiles(names: readonly StandIn[] = NAMES): Promise<string[]> {
  const files: string[] = []
  for (const name of names) files.push(await imageFile(await IMAGES[name](), requiredMeans()))
  return files
}

const JAVA_ENV = [`PATH=${PATH}`, 'JAVA_HOME=/opt/java/openjdk', 'LANG=C.UTF-8']

const IMAGES: Readonly<Record<StandIn, () => Promise<Image>>> = {
  kafka: async () => ({
    tag: STAND_INS.kafka,
    layers: [JAVA_LAYER, kafkaLayer(await installKafka())],
    config: {
      // A name, as in the official image: who demands a user other than root must give its number.
      User: 'appuser',
      Env: JAVA_ENV,
      Cmd: ['/etc/kafka/docker/run'],
      ExposedPorts: { '9092/tcp': {} },
      Volumes: { '/etc/kafka/secrets': {}, '/mnt/shared/config': {}, '/var/lib/kafka/data': {} },
    },
  }),
  cassandra: async () => ({
    tag: STAND_INS.cassandra,
    layers: [JAVA_LAYER, cassandraLayer(await installCassandra())],
    config: {
      Env: [
        ...JAVA_ENV,
        'CASSANDRA_HOME=/opt/cassandra',
        'CASSANDRA_CONF=/etc/cassandra',
        `CASSANDRA_VERSION=${versionOf('cassandra')}`,
      ],
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['cassandra', '-f'],
      ExposedPorts: { '7000/tcp': {}, '7001/tcp': {}, '7199/tcp': {}, '9042/tcp': {}, '9160/tcp': {} },
      Volumes: { '/var/lib/cassandra': {} },
    },
  }),
  grafana: async () => ({
    tag: STAND_INS.grafana,
    layers: [
      busyboxLayer({ '/var/lib/grafana': 0o777, '/var/log/grafana': 0o777, '/etc/grafana/provisioning': 0o755 }),
      await programLayer('standin', requiredMeans(), 'run.sh'),
    ],
    config: {
      User: '472',
      Env: [
        `PATH=${PATH}`,
        `GRAFANA_VERSION=${versionOf('grafana')}`,
        'GF_PATHS_DATA=/var/lib/grafana',
        'GF_PATHS_LOGS=/var/log/grafana',
        'GF_PATHS_PLUGINS=/var/lib/grafana/plugins',
        'GF_PATHS_PROVISIONING=/etc/grafana/provisioning',
      ],
      WorkingDir: '/usr/share/grafana',
      Entrypoint: ['/run.sh'],
      ExposedPorts: { '3000/tcp': {} },
    },
  }),
  'kafka-ui': async () => ({
    tag: STAND_INS['kafka-ui'],
    layers: [busyboxLayer({}), await programLayer('standin', requiredMeans(), 'api')],
    config: { User: 'kafkaui', Env: [`PATH=${PATH}`], Cmd: ['/api'], ExposedPorts: { '8080/tcp': {} } },
  }),
}
