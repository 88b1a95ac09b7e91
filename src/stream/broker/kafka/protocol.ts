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
  connectionPool: {
    send<Answer>(call: {
      request: {
        apiKey: number
        apiVersion: number
        apiName: string
        encode(): Promise<{ buf: Buffer; buffer: Buffer }>
      }
      response: { decode(raw: Buffer): Promise<Answer>; parse(answer: Answer): Promise<Answer> }
    }): Promise<Answer>
  }
  createTopics(request: {
    topics: {
      topic: string
      numPartitions: number
      replicationFactor: number
      configEntries: { name: string; value: string }[]
    }[]
    timeout: number
  }): Promise<unknown>
  /** `count`: how many there shall be, not how many more. */
  createPartitions(request: { topicPartitions: { topic: string; count: number }[]; timeout: number }): Promise<unknown>
  describeConfigs(request: { resources: { type: number; name: string; configNames: string[] }[] }): Promise<{
    resources: { configEntries: { configName: string; configValue: string | null }[] }[]
  }>
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
