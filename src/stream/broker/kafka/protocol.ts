import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'

/** Shapes of kafkajs' requests and answers, as far as they are used here. Offsets and timestamps are decimal texts. */

export interface LogEntry {
  namespace: string
  log: { message: string; error?: string; broker?: string }
}

export interface Sasl {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  username: string
  password: string
}

export interface ClusterOptions {
  logger: object
  brokers: readonly string[]
  ssl: ConnectionOptions | null
  sasl: Sasl | null
  clientId: string
  connectionTimeout: number
  authenticationTimeout: number
  requestTimeout: number
  enforceRequestTimeout: boolean
  metadataMaxAge: number
  retry: { retries: number; initialRetryTime: number; maxRetryTime: number; factor: number; multiplier: number }
  allowAutoTopicCreation: boolean
  maxInFlightRequests: number | null
  isolationLevel: number
  offsets: Map<string, object>
  socketFactory: (target: SocketTarget) => Socket
}

export interface SocketTarget {
  host: string
  port: number
  ssl: ConnectionOptions | null
  onConnect: () => void
}

export interface Message {
  key: string | null
  /** Of a bare `Uint8Array` kafkajs would write the digits. */
  value: Buffer | null
  headers: Readonly<Record<string, string>>
}

export interface ProducedPartition {
  partition: number
  errorCode: number
  baseOffset: string
}

export interface ProduceResponse {
  topics: { topicName: string; partitions: ProducedPartition[] }[]
}

export interface FetchedMessage {
  offset: string
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  headers: Record<string, Buffer | Buffer[] | null>
  isControlRecord: boolean
  batchContext: { producerId: string; inTransaction: boolean }
}

export interface FetchedPartition {
  partition: number
  errorCode: number
  highWatermark: string
  lastStableOffset: string
  abortedTransactions: { producerId: string; firstOffset: string }[] | null
  messages: FetchedMessage[] & {
    /** The offset after the last batch, which may hold fewer records than offsets. */
    endOffset?: number
    /** Why what follows cannot be read. */
    failure?: unknown
  }
}

export interface FetchResponse {
  responses: { topicName: string; partitions: FetchedPartition[] }[]
}

export interface GroupMember {
  memberId: string
  memberMetadata: Buffer
}

export interface JoinedGroup {
  generationId: number
  leaderId: string
  memberId: string
  members: GroupMember[]
}

/** One broker of the cluster. */
export interface Node {
  nodeId: number
  initProducerId(request: { transactionTimeout: number }): Promise<{ producerId: unknown; producerEpoch: number }>
  produce(request: {
    topicData: { topic: string; partitions: { partition: number; firstSequence: number; messages: Message[] }[] }[]
    producerId: unknown
    producerEpoch: number
    acks: number
    timeout: number
    compression: number
  }): Promise<ProduceResponse>
  fetch(request: {
    isolationLevel: number
    maxWaitTime: number
    minBytes: number
    maxBytes: number
    topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[]
  }): Promise<FetchResponse>
  createTopics(request: {
    topics: {
      topic: string
      numPartitions: number
      replicationFactor: number
      configEntries: { name: string; value: string }[]
    }[]
    timeout: number
  }): Promise<unknown>
  metadata(topics: string[]): Promise<{
    brokers: { nodeId: number }[]
    topicMetadata: {
      topic: string
      partitionMetadata: { partitionId: number; leader: number; replicas: number[]; isr: number[] }[]
    }[]
  }>
  joinGroup(request: {
    groupId: string
    sessionTimeout: number
    rebalanceTimeout: number
    memberId: string
    groupProtocols: { name: string; metadata: Buffer }[]
    /** Told before the wait for the others begins. */
    onMemberId: (memberId: string) => void
  }): Promise<JoinedGroup>
  syncGroup(request: {
    groupId: string
    generationId: number
    memberId: string
    groupAssignment: { memberId: string; memberAssignment: Buffer }[]
  }): Promise<{ memberAssignment: Buffer }>
  findGroupCoordinator(request: {
    groupId: string
    coordinatorType: number
  }): Promise<{ coordinator: { nodeId: number } }>
  describeGroups(request: { groupIds: string[] }): Promise<{
    groups: { state: string; protocol: string; members: { memberId: string }[] }[]
  }>
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>
  offsetCommit(request: {
    groupId: string
    groupGenerationId: number
    memberId: string
    topics: { topic: string; partitions: { partition: number; offset: string; metadata: string }[] }[]
  }): Promise<unknown>
  offsetFetch(request: { groupId: string; topics: { topic: string; partitions: { partition: number }[] }[] }): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string; metadata: string | null }[] }[]
  }>
}
