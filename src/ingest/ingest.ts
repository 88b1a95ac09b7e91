import type { Feed } from './feed.ts'
import { GapLedger } from './gap-ledger.ts'
import { Inbox } from './inbox.ts'
import { Outbox, type ProducerOptions } from './outbox.ts'
import { isPrepared } from '../stream/retry.ts'

/**
 * Role producer: feed -> mark repeats -> encode -> log, one loop. Ends when `signal` aborts or the feed does. Then
 * what is still held is decided: at the end of a recording, or where a live feed closed its connection. A recording
 * that is stopped midway keeps it for the next run, which reads on and decides as if there had been no stop.
 */
export async function runProducer(feed: Feed, options: ProducerOptions, signal: AbortSignal): Promise<void> {
  // A simulated market is in this process, and goes by its clock.
  const hasOwnClock = feed.watched !== undefined && !feed.watched.isSentAgain
  const inbox = new Inbox(options, { hasOwnClock })
  const ledger = feed.watched === undefined ? null : new GapLedger(feed.watched)
  const outbox = new Outbox(feed, options, ledger)
  try {
    if (!(await isPrepared(signal, () => outbox.open(signal)))) return
    for await (const events of feed.events(signal)) {
      const gaps = ledger?.take(events) ?? []
      const decided = inbox.take(events)
      await outbox.send({ gaps, decided, bad: inbox.deadLetters() }, signal)
    }
    const gaps = ledger?.end(options.context.clock.now()) ?? []
    const decided = signal.aborted ? [] : inbox.end()
    await outbox.send({ gaps, decided, bad: inbox.deadLetters() }, signal)
  } finally {
    await outbox.close()
  }
}
