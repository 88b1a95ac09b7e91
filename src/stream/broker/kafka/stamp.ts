import type { Broker } from '../../broker.ts'
import type { Stamp } from '../../stamp.ts'
import { metaSpec, metaTopic } from '../../topics.ts'

const KEY = 'origin'

/**
 * The origin of a topic, as the first record of a small topic beside it that keeps all: Kafka has no place for words in a topic
 * itself. Of several who claim at once the first record counts, for everybody.
 */
export class TopicStamp implements Stamp {
  readonly #broker: Broker
  readonly #topic: string
  readonly #log: string

  constructor(broker: Broker, topic: string) {
    this.#broker = broker
    this.#topic = metaTopic(topic)
    this.#log = topic
  }

  async read(): Promise<string | null> {
    const [bounds] = await this.#broker.bounds(this.#topic)
    if (bounds === undefined || bounds.end === bounds.start) return null
    const ended = new AbortController()
    try {
      for await (const { records, end } of this.#broker.read(this.#topic, 0, bounds.start, ended.signal)) {
        const found = records.find(({ key, value }) => key === KEY && value !== null)?.value
        if (found !== undefined && found !== null) return Buffer.from(found).toString()
        if ((records.at(-1)?.offset ?? end) + 1 >= bounds.end) return null
      }
      return null
    } finally {
      ended.abort()
    }
  }

  async claim(origin: string): Promise<string> {
    await this.#broker.createTopic(metaSpec(this.#log))
    const found = await this.read()
    if (found !== null) return found
    await this.#broker.append(this.#topic, [{ key: KEY, value: Buffer.from(origin), headers: {}, partition: 0 }])
    return (await this.read()) ?? origin
  }
}
