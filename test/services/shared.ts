import { startCassandra } from './cassandra.ts'
import { startKafka } from './kafka.ts'

/** Tell test files where the servers of this run are: `host:port,...` and `host:port`. */
export const KAFKA_VARIABLE = 'TEST_KAFKA'
export const CASSANDRA_VARIABLE = 'TEST_CASSANDRA'
/** Instead of an address: there are none, and that was said already. */
export const UNAVAILABLE = 'unavailable'

export interface SharedServices extends AsyncDisposable {
  /** The variables above. */
  readonly env: Readonly<Record<string, string>>
}

/** Starts one Kafka and one Cassandra, side by side, for many tests. */
export async function startShared(): Promise<SharedServices> {
  const [kafka, cassandra] = await Promise.allSettled([startKafka(), startCassandra()])
  const stop = async () => {
    for (const one of [kafka, cassandra]) if (one.status === 'fulfilled') await one.value.stop()
  }
  if (kafka.status === 'rejected' || cassandra.status === 'rejected') {
    await stop()
    throw new AggregateError(
      [kafka, cassandra].flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])),
      'the test servers did not start',
    )
  }
  const { contactPoints, port } = cassandra.value
  return {
    env: {
      [KAFKA_VARIABLE]: kafka.value.brokers.join(),
      [CASSANDRA_VARIABLE]: `${contactPoints[0]}:${port}`,
    },
    [Symbol.asyncDispose]: stop,
  }
}
