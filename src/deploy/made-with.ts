/** What log and store are made with when the first record comes, and keep: who wants another needs other ones. */
import { OPTIONS } from '../config/options.ts'
import { StockpipeError } from '../errors.ts'
import type { Cluster } from './cluster.ts'
import { numberAt, textAt } from './fields.ts'
import type { Inventory } from './inventory.ts'
import type { KubeObject } from './object.ts'
import { progressOf } from './rollout/progress.ts'

export interface MadeWith {
  topic: string
  keyspace: string
  partitions: string
  /** As in the values: real or simulated trades. */
  feed: string
}

const CONFIG = 'stockpipe-config'

/** As the settings say that all roles get; null where there are none. */
export function madeWith(objects: readonly (KubeObject | null)[]): MadeWith | null {
  const config = objects.find((object) => object?.kind === 'ConfigMap' && object.metadata.name === CONFIG)
  const text = (name: string) => textAt(config, 'data', `STOCKPIPE_${name}`)
  if (text('PARTITIONS') === '') return null
  return {
    topic: text('KAFKA_TOPIC') || OPTIONS.kafkaTopic.default,
    keyspace: text('CASSANDRA_KEYSPACE') || OPTIONS.cassandraKeyspace.default,
    partitions: text('PARTITIONS'),
    feed: text('FEED'),
  }
}

/** As `market market 12 simulated`: no name has a blank in it. */
export const toLine = ({ topic, keyspace, partitions, feed }: MadeWith): string =>
  [topic, keyspace, partitions, feed].join(' ')

export function fromLine(line: string): MadeWith | null {
  const [topic, keyspace, partitions, feed, ...more] = line.split(' ')
  return topic && keyspace && partitions && feed && more.length === 0 ? { topic, keyspace, partitions, feed } : null
}

export interface Installed {
  cluster: Cluster
  namespace: string
  former: Inventory | null
}

/**
 * What the data that is there was made with. A run that waited has written it down; after one that did not, a producer that
 * is ready tells it: neither topic nor store lets one work that is told something else. Null where nobody knows.
 */
export async function knownData({ cluster, namespace, former }: Installed): Promise<MadeWith | null> {
  if (former === null || former.madeWith !== null || former.state !== 'applied') return former?.madeWith ?? null
  const producer = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'stockpipe-producer', namespace }
  const found = await cluster.get(producer)
  if (found === null || progressOf(found).state !== 'ready' || numberAt(found, 'status', 'availableReplicas') === 0)
    return null
  return madeWith([await cluster.get({ apiVersion: 'v1', kind: 'ConfigMap', name: CONFIG, namespace })])
}

/** Told before anything is written: the settings come first, and who starts with wrong ones stops. */
export function refuseOther(has: MadeWith | null, wants: MadeWith | null, namespace: string): StockpipeError[] {
  if (has === null || wants === null) return []
  const isSameLog = has.topic === wants.topic
  const giveUp = `or take it away with its data first: stockpipe deploy uninstall --delete-data -n ${namespace}`
  const others = `others beside the old ones (--set settings.kafka-topic=${has.topic}2 --set settings.cassandra-keyspace=${has.keyspace}2)`
  const found: StockpipeError[] = []
  if (isSameLog && has.partitions !== wants.partitions)
    found.push(
      new StockpipeError('immutable', `topic ${has.topic} keeps its ${has.partitions} partitions`, {
        why: `with ${wants.partitions} most symbols would move to another partition while their candles are open`,
        hint: `--set settings.partitions=${has.partitions}; for more of them begin log and store anew, ${others}, ${giveUp}`,
      }),
    )
  if ((isSameLog || has.keyspace === wants.keyspace) && has.feed !== wants.feed)
    found.push(
      new StockpipeError(
        'immutable',
        `what is in ${namespace} is of feed=${has.feed}, and feed=${wants.feed} is wanted`,
        {
          why:
            'simulated and real trades do not mix in one log and store: neither would take them. A run with --set or --values ' +
            'has no value of the last one',
          hint: `add --set feed=${has.feed}; for ${wants.feed} begin log and store anew, ${others}, ${giveUp}`,
        },
      ),
    )
  return found
}
