import type { Feed } from './feed.ts'
import { Inbox } from './inbox.ts'
import { Outbox, type ProducerOptions } from './outbox.ts'

/**
 * Role producer: feed -> mark repeats -> encode -> log, one loop. Ends when `signal` aborts or the feed does. Then
 * what is still held is decided: at the end of a recording, or where a live feed closed its connection. A recording
 * that is stopped midway keeps it for the next run, which reads on and decides as if there had been no stop.
 */
export async function runProducer(feed: Feed, options: ProducerOptions, signal: AbortSignal): Promise<void> {
  const inbox = new Inbox(options)
  const outbox = new Outbox(feed, options)
  await outbox.open(signal)
  for await (const events of feed.events(signal)) {
    const decided = inbox.take(events)
    await outbox.send(decided, inbox.deadLetters(), signal)
  }
  if (!signal.aborted) await outbox.send(inbox.end(), inbox.deadLetters(), signal)
}
