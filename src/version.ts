import { version as packageVersion } from '../package.json' with { type: 'json' }

// Put in by build.ts; not there when run from source.
declare const STOCKPIPE_VERSION: string | undefined
declare const STOCKPIPE_COMMIT: string | undefined
declare const STOCKPIPE_COMMITTED_AT: number | undefined

export interface BuildInfo {
  version: string
  /** Of the source the executable was built from; `source` when it is run from source. */
  commit: string
  runtime: string
  platform: string
}

export const buildInfo = (): BuildInfo => ({
  version: typeof STOCKPIPE_VERSION === 'string' ? STOCKPIPE_VERSION : packageVersion,
  commit: typeof STOCKPIPE_COMMIT === 'string' ? STOCKPIPE_COMMIT : 'source',
  runtime: `bun ${Bun.version}`,
  platform: `${process.platform} ${process.arch}`,
})

/** When the source was committed, in seconds; null when run from source. */
export const committedAt = (): number | null =>
  typeof STOCKPIPE_COMMITTED_AT === 'number' ? STOCKPIPE_COMMITTED_AT : null
