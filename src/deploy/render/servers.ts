/** Kafka and Cassandra: size and number. */
import { mainContainer, objectOf, setVariable, workloadOf } from './find.ts'
import type { KubeObject } from '../object.ts'
import { patched } from '../patch.ts'
import type { ClaimTemplate, Workload } from '../pod.ts'
import type { Values } from '../values.ts'
import type { ResourceValues } from '../values/schema.ts'

export function setServers(objects: readonly KubeObject[], values: Values): void {
  setKafka(workloadOf(objects, 'kafka'), values)
  setCassandra(workloadOf(objects, 'cassandra'), values)
  setReplication(objects, values)
  setNodes(workloadOf(objects, 'setup-topics'), values.kafka.replicas)
  setNodes(workloadOf(objects, 'setup-schema'), values.cassandra.replicas)
}

/** How many brokers or nodes a job waits for. */
function setNodes(job: Workload, nodes: number | undefined): void {
  const container = mainContainer(job)
  if (nodes !== undefined)
    container.args = (container.args ?? []).map((arg) => (arg.startsWith('--nodes=') ? `--nodes=${nodes}` : arg))
}

function setKafka(kafka: Workload, { kafka: { replicas, heap, storage, resources }, storageClass }: Values): void {
  const container = mainContainer(kafka)
  const set = (name: string, value: string) => setVariable(container, { name, value })
  if (heap !== undefined) set('KAFKA_HEAP_OPTS', `-Xms${heap} -Xmx${heap}`)
  if (replicas !== undefined) {
    kafka.spec.replicas = replicas
    const copies = String(Math.min(3, replicas))
    const enough = String(Math.min(2, replicas))
    const voters = Array.from({ length: replicas }, (_, id) => `${id}@kafka-${id}.kafka-brokers:9093`)
    set('KAFKA_CONTROLLER_QUORUM_VOTERS', voters.join(','))
    for (const name of ['DEFAULT', 'OFFSETS_TOPIC', 'TRANSACTION_STATE_LOG', 'SHARE_COORDINATOR_STATE_TOPIC'])
      set(`KAFKA_${name}_REPLICATION_FACTOR`, copies)
    for (const name of [
      'MIN_INSYNC_REPLICAS',
      'TRANSACTION_STATE_LOG_MIN_ISR',
      'SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR',
    ])
      set(`KAFKA_${name}`, enough)
  }
  setResources(kafka, resources)
  setClaims(kafka, { storage, storageClass })
}

function setCassandra(
  cassandra: Workload,
  { cassandra: { replicas, heap, storage, resources }, storageClass }: Values,
): void {
  const container = mainContainer(cassandra)
  const set = (name: string, value: string) => setVariable(container, { name, value })
  if (heap !== undefined) {
    set('MAX_HEAP_SIZE', heap.toUpperCase())
    set('HEAP_NEWSIZE', quarter(heap))
  }
  if (replicas !== undefined) cassandra.spec.replicas = replicas
  setResources(cassandra, resources)
  setClaims(cassandra, { storage, storageClass })
}

/** `4G` -> `1024M`, as Cassandra writes it. */
function quarter(heap: string): string {
  const megabytes = Number.parseInt(heap) * (/g$/i.test(heap) ? 1_024 : 1)
  return `${Math.max(1, Math.floor(megabytes / 4))}M`
}

/** What the roles ask for when they make topics and keyspace. */
function setReplication(objects: readonly KubeObject[], { kafka, cassandra }: Values): void {
  const data = objectOf(objects, 'ConfigMap', 'stockpipe-config')['data'] as Record<string, string>
  if (kafka.replicas !== undefined) data['STOCKPIPE_KAFKA_REPLICATION'] = String(Math.min(3, kafka.replicas))
  if (cassandra.replicas !== undefined)
    data['STOCKPIPE_CASSANDRA_REPLICATION'] = String(Math.min(3, cassandra.replicas))
}

export function setResources(workload: Workload, resources: ResourceValues | undefined): void {
  const container = mainContainer(workload)
  if (resources !== undefined) container.resources = patched(container.resources ?? {}, resources)
}

interface Claim {
  storage: string | undefined
  storageClass: string | undefined
}

function setClaims(workload: Workload, { storage, storageClass }: Claim): void {
  for (const claim of workload.spec.volumeClaimTemplates ?? []) setClaim(claim.spec, { storage, storageClass })
}

export function setClaim(spec: ClaimTemplate['spec'], { storage, storageClass }: Claim): void {
  if (storage !== undefined) spec.resources.requests.storage = storage
  if (storageClass !== undefined) spec.storageClassName = storageClass
}
