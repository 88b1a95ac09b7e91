CREATE TABLE topics (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  partitions INTEGER NOT NULL
) STRICT;

-- One row per partition. `next_offset` outlives the records, so that retention never makes an offset come twice.
CREATE TABLE partitions (
  slot INTEGER PRIMARY KEY,
  topic_id INTEGER NOT NULL REFERENCES topics (id),
  partition INTEGER NOT NULL,
  start_offset INTEGER NOT NULL DEFAULT 0,
  next_offset INTEGER NOT NULL DEFAULT 0,
  last_ts INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic_id, partition)
) STRICT;

-- `id` = slot * 2^36 + offset: records of a partition lie together, in order.
CREATE TABLE records (
  id INTEGER PRIMARY KEY,
  ts INTEGER NOT NULL,
  key TEXT,
  value BLOB,
  headers TEXT NOT NULL,
  topic_id INTEGER NOT NULL,
  session TEXT,
  seq INTEGER,
  k INTEGER
) STRICT;

CREATE UNIQUE INDEX sent_once ON records (topic_id, session, seq, k) WHERE session IS NOT NULL;

CREATE TABLE commits (
  group_name TEXT NOT NULL,
  slot INTEGER NOT NULL REFERENCES partitions (slot),
  log_offset INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  PRIMARY KEY (group_name, slot)
) STRICT, WITHOUT ROWID;
