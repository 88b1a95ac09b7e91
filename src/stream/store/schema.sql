-- The embedded store. Columns carry the documented names; times are unix ms, booleans 0 or 1.
-- Keys begin with (symbol, time): a range of one symbol lies together, and each symbol's newest page takes its appends.
-- Text that follows from a time (hour, day, bucket) is VIRTUAL: it reads like a column and takes no room.
-- Of two writes of one window, candle or latest row the larger stamp (µs) stays. written_ts is when the row was written.

CREATE TABLE trades (
  symbol TEXT NOT NULL,
  hour TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H', trade_ts / 1000, 'unixepoch')) VIRTUAL,
  trade_ts INTEGER NOT NULL,
  log_partition INTEGER NOT NULL,
  log_offset INTEGER NOT NULL,
  log_index INTEGER NOT NULL,
  price REAL NOT NULL,
  volume REAL NOT NULL,
  conditions TEXT NOT NULL,
  received_ts INTEGER,
  ingested_ts INTEGER NOT NULL,
  flags TEXT NOT NULL,
  PRIMARY KEY (symbol, trade_ts, log_partition, log_offset, log_index)
) STRICT, WITHOUT ROWID;

-- vwap and the means may be NULL: sums of absurd but valid prices and volumes can overflow.
CREATE TABLE running_averages_15_sec (
  symbol TEXT NOT NULL,
  day TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d', window_end_ts / 1000, 'unixepoch')) VIRTUAL,
  window_end_ts INTEGER NOT NULL,
  window_start_ts INTEGER NOT NULL,
  vwap REAL,
  mean_price REAL,
  mean_notional REAL,
  volume REAL NOT NULL,
  n INTEGER NOT NULL,
  open REAL NOT NULL,
  high REAL NOT NULL,
  low REAL NOT NULL,
  close REAL NOT NULL,
  final INTEGER NOT NULL,
  closed_by TEXT NOT NULL,
  revision INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  written_ts INTEGER NOT NULL,
  PRIMARY KEY (symbol, window_end_ts)
) STRICT, WITHOUT ROWID;

CREATE TABLE candles (
  symbol TEXT NOT NULL,
  interval TEXT NOT NULL,
  bucket TEXT GENERATED ALWAYS AS (
    strftime(
      CASE interval WHEN '1s' THEN '%Y-%m-%dT%H' WHEN '1h' THEN '%Y' WHEN '1d' THEN '%Y' ELSE '%Y-%m-%d' END,
      open_ts / 1000,
      'unixepoch'
    )
  ) VIRTUAL,
  open_ts INTEGER NOT NULL,
  open REAL NOT NULL,
  high REAL NOT NULL,
  low REAL NOT NULL,
  close REAL NOT NULL,
  volume REAL NOT NULL,
  vwap REAL,
  n INTEGER NOT NULL,
  final INTEGER NOT NULL,
  closed_by TEXT NOT NULL,
  revision INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  written_ts INTEGER NOT NULL,
  PRIMARY KEY (symbol, interval, open_ts)
) STRICT, WITHOUT ROWID;

CREATE TABLE late_trades (
  symbol TEXT NOT NULL,
  day TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d', trade_ts / 1000, 'unixepoch')) VIRTUAL,
  trade_ts INTEGER NOT NULL,
  log_partition INTEGER NOT NULL,
  log_offset INTEGER NOT NULL,
  log_index INTEGER NOT NULL,
  price REAL NOT NULL,
  volume REAL NOT NULL,
  missed TEXT NOT NULL,
  entry_interval TEXT NOT NULL,
  late_by_ms INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  written_ts INTEGER NOT NULL,
  PRIMARY KEY (symbol, trade_ts, log_partition, log_offset, log_index)
) STRICT, WITHOUT ROWID;

-- What a restart takes back: late trades that entered a long candle.
CREATE INDEX late_trades_restore ON late_trades (log_partition, incarnation, trade_ts)
WHERE entry_interval IN ('5m', '15m', '1h', '1d');

CREATE TABLE rollup (
  log_partition INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  day TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d', start_ts / 1000, 'unixepoch')) VIRTUAL,
  interval TEXT NOT NULL,
  symbol TEXT NOT NULL,
  start_ts INTEGER NOT NULL,
  n INTEGER NOT NULL,
  volume REAL NOT NULL,
  sum_pv REAL NOT NULL,
  sum_p REAL NOT NULL,
  high REAL NOT NULL,
  low REAL NOT NULL,
  open REAL NOT NULL,
  open_ts INTEGER NOT NULL,
  open_offset INTEGER NOT NULL,
  open_index INTEGER NOT NULL,
  close REAL NOT NULL,
  close_ts INTEGER NOT NULL,
  close_offset INTEGER NOT NULL,
  close_index INTEGER NOT NULL,
  written_ts INTEGER NOT NULL,
  PRIMARY KEY (log_partition, incarnation, interval, start_ts, symbol)
) STRICT, WITHOUT ROWID;

CREATE TABLE latest (
  symbol TEXT NOT NULL,
  price REAL NOT NULL,
  volume REAL NOT NULL,
  trade_ts INTEGER NOT NULL,
  received_ts INTEGER,
  day_open REAL,
  change REAL,
  change_percent REAL,
  stamp INTEGER NOT NULL,
  PRIMARY KEY (symbol)
) STRICT, WITHOUT ROWID;

CREATE TABLE symbols (
  exchange TEXT NOT NULL,
  symbol TEXT NOT NULL,
  description TEXT,
  type TEXT,
  currency TEXT,
  PRIMARY KEY (exchange, symbol)
) STRICT, WITHOUT ROWID;

CREATE TABLE gaps (
  symbol TEXT NOT NULL,
  day TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%d', from_ts / 1000, 'unixepoch')) VIRTUAL,
  from_ts INTEGER NOT NULL,
  cause TEXT NOT NULL,
  to_ts INTEGER NOT NULL,
  detail TEXT NOT NULL,
  stamp INTEGER NOT NULL,
  PRIMARY KEY (symbol, from_ts, cause)
) STRICT, WITHOUT ROWID;

-- Internal, for retention: which stretches of which symbol's data were written in which stretch of time.
CREATE TABLE written (
  kind TEXT NOT NULL,
  written_ts INTEGER NOT NULL,
  symbol TEXT NOT NULL,
  start_ts INTEGER NOT NULL,
  PRIMARY KEY (kind, written_ts, symbol, start_ts)
) STRICT, WITHOUT ROWID;
