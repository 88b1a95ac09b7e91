/** What Grafana Live calls the stream of all symbols: the last part of the address that takes pushes. */
export const LIVE_STREAM = 'stockpipe'

/** A channel's name takes letters, digits, `_` and `-`. */
export const channelName = (symbol: string): string => symbol.replaceAll(/[^A-Za-z0-9_-]/g, '_')
