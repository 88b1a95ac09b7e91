-- Ranges of the log that were folded again by `stockpipe reprocess`, and by which rule (JSON). rows is NULL while one is
-- under way, and for ever where it was cut short.
CREATE TABLE reprocess_runs (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  from_ts INTEGER NOT NULL,
  to_ts INTEGER NOT NULL,
  symbols TEXT,
  rule TEXT NOT NULL,
  log_ends TEXT NOT NULL,
  rows INTEGER
) STRICT, WITHOUT ROWID;
