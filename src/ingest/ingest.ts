import type { Feed } from './feed.ts'
import { Inbox } from './inbox.ts'
import { Outbox, type ProducerOptions } from './outbox.ts'

/** Role producer: feed -> mark repeats -> encode -> log, one loop. Ends when `signal` aborts or the feed does. */
export async function runProducer(feed: Feed, options: ProducerOptions, signal: AbortSignal): Promise<void> {
  const inbox = new Inbox(options)
  const outbox = new Outbox(feed, options)
  await outbox.open()
  for await (const events of feed.events(signal)) {
    const decided = inbox.take(events)
    await outbox.send(decided, inbox.deadLetters(), signal)
  }
  await outbox.send(inbox.end(), inbox.deadLetters(), signal)
}
