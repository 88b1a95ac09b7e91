import { StockpipeError } from '../../../errors.ts'

/** Kafka's names of what went wrong, where kafkajs gives one. */
export function typeOf(error: unknown): string | null {
  const type = property(root(error), 'type')
  return typeof type === 'string' ? type : null
}

/** The error below the wrappers of kafkajs' retries, and the first of several. */
function root(error: unknown): unknown {
  const [first] = (property(error, 'errors') as unknown[] | undefined) ?? []
  if (first !== undefined) return root(first)
  const isWrapper = /^KafkaJS(NumberOfRetriesExceeded|NonRetriableError)$/.test(String(property(error, 'name')))
  const cause = property(error, 'cause')
  return isWrapper && cause instanceof Error && cause !== error ? root(cause) : error
}

const property = (of: unknown, name: string): unknown =>
  typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined

interface Words {
  what: string
  why?: string
  hint: string
}

/** Whoever runs the servers can cure these while we wait. */
const MENDABLE: Readonly<Record<string, { code: 'auth' | 'topic-missing' | 'too-large' | 'config' } & Words>> = {
  TOPIC_AUTHORIZATION_FAILED: {
    code: 'auth',
    what: 'Kafka does not let this user at the topic',
    hint: 'allow the user all operations on topics whose names begin with that of --kafka-topic (kafka-acls --add --operation All --resource-pattern-type prefixed ...)',
  },
  GROUP_AUTHORIZATION_FAILED: {
    code: 'auth',
    what: 'Kafka does not let this user into the consumer group',
    hint: 'allow the user to read the group named by --kafka-group (kafka-acls --add --operation Read --group ...)',
  },
  CLUSTER_AUTHORIZATION_FAILED: {
    code: 'auth',
    what: 'Kafka does not let this user write idempotently, or create topics',
    hint: 'allow IdempotentWrite and Create on the cluster, or create the topics beforehand',
  },
  SASL_AUTHENTICATION_FAILED: {
    code: 'auth',
    what: 'Kafka refuses this user or password',
    hint: 'correct --kafka-sasl-username, --kafka-sasl-password-file or --kafka-sasl-mechanism and restart, or give the user this password in Kafka',
  },
  UNSUPPORTED_SASL_MECHANISM: {
    code: 'auth',
    what: 'Kafka does not know this way to log in',
    hint: 'set --kafka-sasl-mechanism to one that its listener offers, and restart',
  },
  MESSAGE_TOO_LARGE: {
    code: 'too-large',
    what: 'a record is larger than Kafka accepts',
    hint: 'raise max.message.bytes of the topic; the record waits until then',
  },
  RECORD_LIST_TOO_LARGE: {
    code: 'too-large',
    what: 'a record is larger than a segment of the topic',
    hint: 'raise segment.bytes of the topic; the record waits until then',
  },
  UNKNOWN_TOPIC_OR_PARTITION: {
    code: 'topic-missing',
    what: 'the topic is not there',
    why: 'it was deleted, or never made',
    hint: 'create it again with its number of partitions, or restart stockpipe, which makes missing topics at its start',
  },
  INVALID_REPLICATION_FACTOR: {
    code: 'config',
    what: 'Kafka cannot keep that many replicas',
    why: 'it has fewer brokers',
    hint: 'set --kafka-replication to at most the number of brokers, or start more of them',
  },
  POLICY_VIOLATION: {
    code: 'config',
    what: 'a policy of the Kafka cluster forbids the topic',
    hint: 'create the topic by hand as the policy wants it',
  },
  INCONSISTENT_GROUP_PROTOCOL: {
    code: 'config',
    what: 'the consumer group is used by another program',
    why: 'its members assign partitions in another way',
    hint: 'choose a group of its own by --kafka-group',
  },
}

const BROKERS_HINT = 'check that the brokers run and that --kafka-brokers names them'
const NAMES_HINT =
  "check --kafka-brokers, the brokers' advertised.listeners, and that this machine's DNS knows the names in them"

/** Which the same request may get over by itself. */
const WORDS: Readonly<Record<string, string>> = {
  GROUP_COORDINATOR_NOT_AVAILABLE:
    'no broker looks after the group yet (if it stays so: offsets.topic.replication.factor is larger than the cluster)',
  NOT_ENOUGH_REPLICAS: 'too few replicas of a partition are in sync (min.insync.replicas)',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'too few replicas of a partition are in sync (min.insync.replicas)',
  LEADER_NOT_AVAILABLE: 'a partition has no leader at the moment',
  NOT_LEADER_FOR_PARTITION: 'the leader of a partition is changing',
  KAFKA_STORAGE_ERROR: 'the disk of a broker does not work, or is full',
  REQUEST_TIMED_OUT: 'a broker did not answer in time',
}

/** Any failure of kafkajs, in words and classes of our own. What is not known to be final is tried again. */
export function toStockpipeError(error: unknown, doing: string): StockpipeError {
  if (error instanceof StockpipeError) return error
  const cause = root(error)
  const type = typeOf(cause)
  const message = cause instanceof Error ? cause.message : String(cause)
  const mendable = MENDABLE[type ?? ''] ?? saslFailure(cause, message)
  if (mendable !== null && mendable !== undefined) {
    const { code, what, why = message, hint } = mendable
    return new StockpipeError(code, `cannot ${doing}: ${what}`, { why, hint, mendable: true, cause })
  }
  return new StockpipeError('unreachable', `cannot ${doing}: ${reason(cause, type, message)}`, {
    why: message,
    hint: isNameTrouble(cause, message) ? NAMES_HINT : BROKERS_HINT,
    retryable: true,
    cause,
  })
}

/** A connection that broke during the login says nothing about the password. */
function saslFailure(cause: unknown, message: string) {
  if (property(cause, 'name') !== 'KafkaJSSASLAuthenticationError') return null
  if (/connection|connected|timed out|given up/i.test(message)) return null
  return MENDABLE['SASL_AUTHENTICATION_FAILED'] ?? null
}

function reason(cause: unknown, type: string | null, message: string): string {
  if (type !== null) return WORDS[type] ?? message
  const broker = property(cause, 'broker')
  const at = typeof broker === 'string' ? ` at ${broker}` : ''
  if (isNameTrouble(cause, message)) return `the name of the Kafka broker${at} does not resolve`
  if (property(cause, 'code') === 'ECONNREFUSED') return `no Kafka broker answers${at}`
  if (property(cause, 'name') === 'KafkaJSRequestTimeoutError') return `a Kafka broker${at} does not answer`
  if (message === 'Closed connection') return `a Kafka broker${at} closed the connection`
  return message.replace(/\.$/, '')
}

const isNameTrouble = (cause: unknown, message: string): boolean =>
  ['ENOTFOUND', 'EAI_AGAIN', 'DNS_ENOTFOUND'].includes(String(property(cause, 'code'))) ||
  message.includes('getaddrinfo')

/** A broker that has just begun lists none, not even itself; kafkajs would believe it for minutes. */
export const noBrokers = (): Error =>
  Object.assign(new Error('Kafka lists no brokers yet'), { name: 'KafkaJSBrokerNotFound' })

/** Whether the connections are to be made anew, rather than the request alone. */
export function isConnectionTrouble(error: unknown): boolean {
  const name = String(property(root(error), 'name'))
  return /^KafkaJS(Connection|RequestTimeout|BrokerNotFound|LockTimeout|Timeout|SASL|NoBroker|MetadataNotLoaded|TopicMetadata|GroupCoordinatorNotFound|Invariant)/.test(
    name,
  )
}
