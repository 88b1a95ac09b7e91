/**
 * The parts of kafkajs below its public clients that the adapter stands on: connections, metadata and single requests.
 * Its producer and consumer hide what the promise needs to know (which partition of a request failed, under which
 * generation a commit goes out, when a fetch began), so those two are ours. The version is pinned, and patched.
 */
import cluster from 'kafkajs/src/cluster/index.js'
import assignerProtocol from 'kafkajs/src/consumer/assignerProtocol.js'
import loggers from 'kafkajs/src/loggers/index.js'
import errors from 'kafkajs/src/protocol/error.js'

import type { ClusterOptions, LogEntry, Node } from './protocol.ts'

export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  getNodeIds(): readonly string[]
  findBroker(node: { nodeId: string }): Promise<Node>
  findControllerBroker(): Promise<Node>
  findTopicPartitionMetadata(
    topic: string,
  ): readonly { partitionId: number; leader: number; replicas: readonly number[]; isr: readonly number[] }[]
  /** The first retained offsets, or those after the last record. */
  fetchTopicsOffset(
    topics: readonly { topic: string; partitions: readonly { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<readonly { partitions: readonly { partition: number; offset: string }[] }[]>
}

export const Cluster = cluster as new (options: ClusterOptions) => Cluster

export const { createLogger, LEVELS } = loggers as {
  LEVELS: { WARN: number }
  createLogger(this: void, options: { level: number; logCreator: () => (entry: LogEntry) => void }): object
}

export const { MemberAssignment, MemberMetadata } = assignerProtocol as {
  MemberMetadata: { encode(metadata: { version: number; topics: readonly string[]; userData: Buffer }): Buffer }
  MemberAssignment: {
    encode(assignment: {
      version: number
      assignment: Readonly<Record<string, readonly number[]>>
      userData: Buffer
    }): Buffer
    decode(bytes: Buffer): { assignment: Record<string, number[]> } | null
  }
}

/** Kafka's own words for an error code. */
export const { createErrorFromCode } = errors as { createErrorFromCode(this: void, code: number): Error }

export const LEADER_NOT_AVAILABLE = 5
