/** What follows from several options together: choices made by another option, and what does not fit together. */
import { printDuration } from './measure.ts'
import { kebab } from './option.ts'
import type { Key, Settings } from './options.ts'
import type { Problem } from './problems.ts'
import type { Origin } from './source.ts'

export type Origins = { readonly [K in Key]: Origin }
type Draft = { -readonly [K in Key]: Settings[K] }
type DraftOrigins = { -readonly [K in Key]: Origin }

/** Feed, log and store, where nobody said which: whatever the other options point to. */
export function choose(settings: Draft, origins: DraftOrigins): void {
  const isSet = (key: Key) => origins[key].source !== 'default'
  const because = (key: Key): Origin => ({ source: 'derived', name: `because of ${origins[key].name}` })
  if (!isSet('broker') && settings.kafkaBrokers !== null) {
    settings.broker = 'kafka'
    origins.broker = because('kafkaBrokers')
  }
  if (!isSet('store') && settings.cassandraContactPoints !== null) {
    settings.store = 'cassandra'
    origins.store = because('cassandraContactPoints')
  }
  if (isSet('feed')) return
  if (settings.replayFile !== null) {
    settings.feed = 'replay'
    origins.feed = because('replayFile')
  } else if (settings.finnhubToken !== null || isSet('finnhubUrl')) {
    settings.feed = 'finnhub'
    origins.feed = because(settings.finnhubToken === null ? 'finnhubUrl' : 'finnhubToken')
  } else {
    settings.feed = 'simulated'
    origins.feed = { source: 'derived', name: 'because there is no Finnhub token' }
  }
}

/** What no single option can know. */
export function mismatches(settings: Settings): Problem[] {
  const problems: Problem[] = []
  if (settings.window % settings.hop !== 0)
    problems.push({
      what: `--window ${printDuration(settings.window)} is not a whole multiple of --hop ${printDuration(settings.hop)}`,
      why: 'every trade must be in the same number of windows',
    })
  if (settings.hop % 1_000 !== 0)
    problems.push({
      what: `--hop ${printDuration(settings.hop)} is not a whole number of seconds`,
      why: 'windows begin and end with the 1 s candles',
    })
  if (settings.broker === 'kafka' && settings.kafkaBrokers === null)
    problems.push({ what: '--broker kafka needs --kafka-brokers', why: 'there is no address to connect to' })
  if (settings.store === 'cassandra' && settings.cassandraContactPoints === null)
    problems.push({
      what: '--store cassandra needs --cassandra-contact-points',
      why: 'there is no address to connect to',
    })
  for (const [cert, key] of [
    ['kafkaTlsCertFile', 'kafkaTlsKeyFile'],
    ['cassandraTlsCertFile', 'cassandraTlsKeyFile'],
  ] as const)
    if ((settings[cert] === null) !== (settings[key] === null))
      problems.push({ what: `--${kebab(cert)} and --${kebab(key)} go together`, why: 'only one of them is set' })
  return problems
}

/** Finnhub's usual limit for one key. */
const USUAL_SYMBOLS = 50

export const doubts = (settings: Settings): string[] =>
  settings.symbols.length > USUAL_SYMBOLS && settings.feed === 'finnhub'
    ? [`${settings.symbols.length} symbols: Finnhub usually takes ${USUAL_SYMBOLS} for one key and refuses the rest`]
    : []
