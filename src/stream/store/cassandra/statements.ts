import type { Interval } from '../../../trade.ts'
import type { Ttls } from './table-options.ts'
import { type Table, TABLES } from './tables.ts'

/** The CQL of every insert. A TTL never changes while we run, so it is part of the text. */
export interface Statements {
  trades: string
  windows: string
  candles(interval: Interval): string
  late: string
  entries: string
  rollups: string
  latest: string
  gaps: string
  contents(kind: Kind): string
}

/** What `contents` tells apart. */
export type Kind = 'trades' | 'windows' | 'late' | 'latest' | 'gaps' | Interval

/** A bucket's entry in `contents` is written again while rows still come, and outlives them by this much. */
const CONTENTS_SLACK_S = 3600

export function createStatements(keyspace: string, ttls: Ttls): Statements {
  const insert = ({ name, columns }: Pick<Table, 'name' | 'columns'>, using: readonly string[]): string =>
    `INSERT INTO ${keyspace}.${name} (${columns.join()}) VALUES (${columns.map(() => '?').join()})${
      using.length === 0 ? '' : ` USING ${using.join(' AND ')}`
    }`
  const ttl = (seconds: number | null) => (seconds === null ? [] : [`TTL ${seconds}`])
  const STAMP = 'TIMESTAMP ?'
  const seconds = insert(TABLES.candles, [STAMP, ...ttl(ttls.trades)])
  const longer = insert(TABLES.candles, [STAMP, ...ttl(ttls.candles)])
  const contents = { name: 'contents', columns: ['kind', 'symbol', 'item'] }
  const lives = (kind: Kind): number | null => {
    if (kind === 'latest') return null
    return kind === 'trades' || kind === 'late' || kind === '1s' ? ttls.trades : ttls.candles
  }
  return {
    trades: insert(TABLES.trades, ttl(ttls.trades)),
    windows: insert(TABLES.windows, [STAMP, ...ttl(ttls.candles)]),
    candles: (interval) => (interval === '1s' ? seconds : longer),
    late: insert(TABLES.late, [STAMP, ...ttl(ttls.trades)]),
    entries: insert(TABLES.entries, ttl(ttls.internal)),
    rollups: insert(TABLES.rollups, ttl(ttls.internal)),
    latest: insert(TABLES.latest, [STAMP]),
    gaps: insert(TABLES.gaps, [STAMP, ...ttl(ttls.candles)]),
    contents: (kind) => {
      const life = lives(kind)
      return insert(contents, ttl(life === null ? null : life + CONTENTS_SLACK_S))
    },
  }
}
